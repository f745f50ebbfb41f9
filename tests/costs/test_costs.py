"""What docs/cost.md says a month costs, and the limits of it."""

import logging
from collections.abc import Iterator

import pytest

from bench import cost
from bench.prices import FRANKFURT, IRELAND, PRICES
from bench.usage import RunningStack
from local.sam_template import SamTemplate
from ml_connector import clock
from ml_connector.infrastructure.secret_store import KINDS, NOTIFY_SLACK

_ORDERS = 20


@pytest.fixture
def stack() -> Iterator[RunningStack]:
    """A stack of which an order was posted a moment ago."""
    logging.disable(logging.CRITICAL)
    running = RunningStack()
    running.run(6)
    running.post(1)
    yield running
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())


def page() -> dict[str, list[float]]:
    """Return the rows of the page's table: idle, connection, site, and 1,000 orders four times."""
    lines = cost.PAGE.read_text(encoding="utf-8").split("<!-- measured -->")[1].splitlines()
    rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    numbers = [row for row in rows if len(row) > 1 and row[1].replace(".", "").isdigit()]
    return {row[0]: [float(cell) for cell in row[1:]] for row in numbers}


def test_the_page_is_within_the_limits() -> None:
    idle, connection, site, posted, *_ = page()[IRELAND]
    of_secrets = page()["Secrets Manager: secrets"]
    assert idle <= cost.MOST_IDLE
    assert connection - of_secrets[1] <= cost.MOST_FURTHER
    assert site - of_secrets[2] <= cost.MOST_FURTHER
    assert posted <= cost.MOST_ORDERS


def test_the_rows_of_the_page_add_up() -> None:
    rows = page()
    for column, total in enumerate(rows[IRELAND]):
        parts = [row[column] for name, row in rows.items() if name not in PRICES]
        assert total == pytest.approx(sum(parts), abs=0.01)
    assert rows[FRANKFURT] > rows[IRELAND]


def test_what_exists_is_in_it_as_the_template_has_it() -> None:
    template, rows, prices = SamTemplate(), page(), PRICES[IRELAND]
    alarms = len(template.of_type("AWS::CloudWatch::Alarm"))
    assert rows["CloudWatch: alarms"][0] == pytest.approx(alarms * prices["alarm, month"])
    keys = len(template.of_type("AWS::KMS::Key"))
    assert rows["KMS: the stack's key"][0] == pytest.approx(keys * prices["KMS key, month"])
    secrets = {*cost.OF_A_CONNECTION, *cost.OF_A_SITE}
    assert secrets == {*KINDS} - {NOTIFY_SLACK}
    assert rows["Secrets Manager: secrets"][:3] == pytest.approx(
        [len(secrets) * 0.4, len(secrets) * 0.4, len(cost.OF_A_SITE) * 0.4]
    )


def test_a_thousand_orders_cost_what_the_page_says(stack: RunningStack) -> None:
    used = cost.a_thousand(_ORDERS, stack.post(_ORDERS))
    del used["metric, month"]  # of an hour, not of twenty orders
    assert cost.cost_of(used) <= cost.MOST_ORDERS
    assert cost.cost_of(used) == pytest.approx(page()[IRELAND][3], rel=0.1)


def test_everything_that_is_used_has_a_price(stack: RunningStack) -> None:
    stack.post(1)
    assert stack.used.keys() <= PRICES[IRELAND].keys() == PRICES[FRANKFURT].keys()
