"""Every sample in events/ works in its function, on the stack of the template."""

from collections.abc import Iterator

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.demo.samples import EVENTS, connect_with_samples, sample
from ml_connector.domain.ids import OrderId
from ml_connector.infrastructure.ledger import order_key

FUNCTIONS = {
    "airbase-webhook": "AirbaseWebhookFunction",
    "exact-webhook": "ExactWebhookFunction",
    "exact-consent": "ExactConsentFunction",
    "console": "ConsoleFunction",
    "po-posting": "PoPostingFunction",
    "token-refresh": "TokenRefreshFunction",
    "vendor-reconciliation": "VendorReconciliationFunction",
}
ANSWERS = {
    "airbase-webhook-approved": 202,
    "airbase-webhook-base64": 202,
    "exact-webhook-purchase-order": 202,
    "exact-webhook-subscription-check": 200,
    "exact-consent-redirect": 404,
    "console-page": 303,
    "console-sign-in": 200,
    "console-retry": 401,
}
NAMES = sorted(path.stem for path in EVENTS.glob("*.json"))


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment() as demo:
        connect_with_samples(demo)
        yield demo


def _function(name: str) -> str:
    return next(function for start, function in FUNCTIONS.items() if name.startswith(start))


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_works(demo: DemoEnvironment, name: str) -> None:
    answer = demo.stack.invoke(_function(name), sample(name))
    if name in ANSWERS:
        assert answer["statusCode"] == ANSWERS[name]
    elif "Records" in sample(name):
        assert answer == {"batchItemFailures": []}
    else:
        assert answer is None


def test_there_is_a_sample_for_each_function() -> None:
    assert {_function(name) for name in NAMES} == set(FUNCTIONS.values())


def test_the_order_of_the_sample_is_posted(demo: DemoEnvironment) -> None:
    demo.stack.invoke("PoPostingFunction", sample("po-posting-order"))
    demo.stack.drain()
    (order,) = (o for o in demo.airbase.orders.values() if o["number"] == "PO-SAMPLE")
    assert demo.services.ledger_of(FIRM).read(order_key(OrderId(order["id"]))).state == "posted"
