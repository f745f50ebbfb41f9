"""The public functions import nothing heavy that they do not need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "pydantic",
    "httpx",
    "cryptography",
    "boto3",
    "requests",
    "ml_connector.settings.connection",
)


NOT_FOR_CONSENT = ("pydantic", "boto3", "requests", "rapidfuzz", "ml_connector.settings.connection")
VARIABLES = {
    "SECRET_PREFIX": "stack",
    "INBOX_TABLE": "inbox",
    "LEDGER_TABLE": "ledger",
    "AUDIT_TABLE": "audit",
    "COORDINATION_TABLE": "coordination",
    "KMS_KEY_ID": "key",
    "PURCHASE_ORDER_QUEUE_URL": "https://sqs.test/purchase-orders.fifo",
    "VENDOR_QUEUE_URL": "https://sqs.test/vendors.fifo",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


@pytest.mark.parametrize(
    ("function", "heavy"),
    [
        ("airbase_webhook", HEAVY),
        ("exact_webhook", HEAVY),
        ("exact_consent", NOT_FOR_CONSENT),
    ],
)
def test_a_public_function_imports_nothing_heavy(function: str, heavy: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'functions' / function)!r}); import app; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **VARIABLES},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"
