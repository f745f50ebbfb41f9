import logging
from collections.abc import Iterator

import pytest

from local.demo.environment import DemoEnvironment
from local.firm import DE
from tests.console.orders import approve


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    """The demo firm: an order in Exact, and one that waits in each of two divisions."""
    logging.disable(logging.CRITICAL)
    with DemoEnvironment() as demo:
        demo.connect()
        approve(demo, "PO-FINE", "4100", "1250.00")
        approve(demo, "PO-NL", "4600", "5000.00")
        approve(demo, "PO-DE", "4600", "75.50", branch=DE)
        yield demo
    logging.disable(logging.NOTSET)
