"""How often an order calls tables, queues and Secrets Manager, from its webhook to posted."""

import pytest

from local.in_memory.environment import InMemoryEnvironment
from local.in_memory.meter import Meter
from local.in_memory.receivers import Receivers

_MOST_CALLS = 30
_MOST_ITEMS = 42
"""What these calls read and write: DynamoDB charges for items."""
_ACCOUNTS = ("4100", "4400", "4300")


@pytest.fixture
def busy(at_rest: InMemoryEnvironment) -> Receivers:
    """The functions of a firm of which an order was posted a moment ago."""
    receivers = Receivers(at_rest)
    receivers.posted("EARLIER")
    return receivers


def ours(meter: Meter) -> list[str]:
    """Return the calls that our code makes; Lambda receives and deletes the messages."""
    return [
        f"{call.name} {call.operation}"
        for call in meter.calls
        if call.operation not in {"receive", "delete"}
    ]


def test_an_order_costs_at_most_thirty_table_calls(
    busy: Receivers, at_rest: InMemoryEnvironment
) -> None:
    found = []
    for number in range(20):
        at_rest.clock.move(2)
        found.append(busy.posted(f"PO-{number}"))
    calls = [len(each.of("table")) for each in found]
    assert sum(calls) / len(calls) <= _MOST_CALLS, ours(found[calls.index(max(calls))])
    with_others = [len(ours(each)) for each in found]
    assert sum(with_others) / len(with_others) <= _MOST_CALLS + 1, "queues and secrets as well"
    items = [sum(call.items for call in each.of("table")) for each in found]
    assert sum(items) / len(items) <= _MOST_ITEMS


def test_further_lines_cost_calls_only_for_accounts_that_are_not_known_yet(
    busy: Receivers, at_rest: InMemoryEnvironment
) -> None:
    def calls(number: str, *accounts: str) -> int:
        lines = [at_rest.airbase.line(account, "10.00") for account in accounts]
        return len(ours(busy.posted(number, lines=lines)))

    one = calls("ONE", "4100")
    assert calls("TEN", *["4100"] * 10) == one
    assert calls("THREE", *_ACCOUNTS) <= one + 2 * (len(_ACCOUNTS) - 1)


def test_nothing_is_read_twice_one_by_one(busy: Receivers) -> None:
    """Only the halts are asked anew before anything is sent, as long as they may be new."""
    found = ours(busy.posted("PO-1"))
    assert found.count("ledger get") == 1
    assert found.count("mappings get") == 2, "the connection and the vendor's link"
    assert "reference get" not in found
    assert found.count("ledger transact") == 4, "received, fetched, intent, posted"
    assert [each for each in found if each.startswith("inbox")] == ["inbox insert", "inbox change"]
