"""What a rehearsal says of a month is what posting then does, whatever the month is made of."""

import random
from typing import Any

import pytest

from local.firm import BRANCHES
from local.in_memory.environment import InMemoryEnvironment
from tests.month_end.test_months import at
from tests.rehearsal.test_rehearse import october, rehearsed, type_in, writes

_VENDORS = ("Cloudwerk", "Expo Partners", "Nieuwkomer Catering")
_ACCOUNTS = ("4100", "4200", "4300", "9999", "")


def history(env: InMemoryEnvironment, rng: random.Random) -> list[dict[str, Any]]:
    """Add orders of a month: some cannot be mapped, some do not add up, some were typed by hand."""
    orders = []
    for number in range(rng.randint(2, 6)):
        amount = f"{rng.randint(1, 9999)}.{rng.choice(('00', '50', '99'))}"
        more: dict[str, Any] = {
            "vendor": rng.choice(_VENDORS),
            "account": rng.choice(_ACCOUNTS),
            "branch": rng.choice(BRANCHES),
            "approved_date": f"2026-10-{rng.randint(1, 31):02}T{rng.randint(0, 23):02}:00:00Z",
        }
        if rng.random() < 0.15:
            more["currency"] = rng.choice(("USD", "XXX"))
        if rng.random() < 0.15:
            more["total"] = "7.77"
        orders.append(october(env, f"PO-{number}", amount, **more))
        if rng.random() < 0.2:
            type_in(env, amount, is_read=False, YourRef=f"PO-{number}")
    return orders


@pytest.mark.parametrize("seed", range(100))
def test_posting_does_what_was_rehearsed(seed: int) -> None:
    env = InMemoryEnvironment()
    at(env.clock, "2026-11-03T09:00:00+00:00")
    env.connect()
    orders = history(env, random.Random(seed))
    env.wait(hours=5)  # what was typed in is read
    before = writes(env)
    found = {each.id: each for each in rehearsed(env).orders}
    assert writes(env) == before
    assert found.keys() == {each["id"] for each in orders}
    for order in orders:
        env.post(order)
    for order in orders:
        record, said = env.record(order), found[order["id"]]
        assert record.state == said.becomes
        assert [each.code for each in record.problems] == [each.code for each in said.needs]
        if said.action == "post":
            assert record.facts.body == said.body
