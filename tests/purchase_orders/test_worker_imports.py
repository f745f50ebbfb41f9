"""The posting worker does not import what only vendor matching needs."""

import subprocess
import sys


def test_the_posting_worker_imports_no_vendor_matching() -> None:
    code = (
        "import sys, ml_connector.bootstrap, ml_connector.purchase_orders.worker;"
        "print([name for name in sys.modules if name.startswith(('rapidfuzz', 'stdnum',"
        " 'ml_connector.domain.matching'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
