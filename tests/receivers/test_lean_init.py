"""The receivers start without what they do not need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("pydantic", "httpx", "cryptography", "boto3", "requests", "ml_connector.connection")


@pytest.mark.parametrize("function", ["airbase_webhook", "exact_webhook"])
def test_a_receiver_imports_nothing_heavy(function: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'functions' / function)!r}); import app; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    variables = {
        "SECRET_PREFIX": "stack",
        "INBOX_TABLE": "inbox",
        "PURCHASE_ORDER_QUEUE_URL": "https://sqs.test/purchase-orders.fifo",
        "VENDOR_QUEUE_URL": "https://sqs.test/vendors.fifo",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"
