"""The posting worker starts without what only the matching of vendors needs."""

import subprocess
import sys


def test_posting_loads_nothing_of_the_matching() -> None:
    code = (
        "import sys, ml_connector.workflows.wiring, ml_connector.workflows.orders.queue;"
        "print([name for name in sys.modules if name.startswith(('rapidfuzz', 'stdnum',"
        " 'ml_connector.vendors'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
