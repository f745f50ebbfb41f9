"""The posting worker does not import what only vendor matching or people's deeds need."""

import subprocess
import sys


def test_the_posting_worker_imports_no_vendor_matching() -> None:
    code = (
        "import sys, ml_connector.bootstrap, ml_connector.deeds.worker;"
        "print([name for name in sys.modules if name.startswith(('rapidfuzz', 'stdnum',"
        " 'ml_connector.domain.matching', 'ml_connector.exceptions', 'ml_connector.stack'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
