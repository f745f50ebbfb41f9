"""DynamoDB takes 400 KB an item. An order, or its problems, may be larger."""

import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.exact_simulator import dispatch
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.exact import client
from ml_connector.infrastructure import compression, ledger
from ml_connector.infrastructure.ledger import Record
from tests.odd_answers.hostile import record_crashes

_RANDOM = random.Random(7)
_WORDS = [
    "".join(_RANDOM.choices("abcdefghijklmnop", k=_RANDOM.randint(3, 10))) for _ in range(3000)
]


def words(number: int, seed: int) -> str:
    """Return words that compress badly, as people's notes do."""
    return " ".join(random.Random(seed).choices(_WORDS, k=number))


def amount(position: int) -> str:
    return f"{1 + position % 97}.00"


def all_unmapped(env: InMemoryEnvironment, number: int = 700) -> list[dict[str, Any]]:
    """Return lines with unknown accounts, tags and VAT codes."""
    airbase = env.airbase
    return [
        airbase.line(
            f"9{n:05d}",
            amount(n),
            words(8, n),
            tags=[airbase.tag("Department", f"D{n}", words(2, n)), airbase.tag(f"Label{n}", "x")],
            vat_code=f"V{n}",
        )
        for n in range(number)
    ]


def account_unmapped(env: InMemoryEnvironment) -> list[dict[str, Any]]:
    return [env.airbase.line("9999", amount(n), words(8, n)) for n in range(2100)]


def long_notes(env: InMemoryEnvironment) -> list[dict[str, Any]]:
    return [env.airbase.line("4100", amount(n), words(60, n)) for n in range(1400)]


def post(env: InMemoryEnvironment, lines: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    order = env.order(lines=lines)
    crashes = record_crashes(env, ClientError)
    env.post(order)
    return order, crashes


@pytest.mark.parametrize("lines", [all_unmapped, account_unmapped], ids=lambda f: f.__name__)
def test_a_large_order_that_cannot_be_posted_is_an_exception(
    env: InMemoryEnvironment, lines: Any
) -> None:
    env.connect()
    order, crashes = post(env, lines(env))
    assert crashes == []
    assert env.record(order).state == "review"
    assert "UNKNOWN_GL_ACCOUNT" in env.codes(order)


def test_a_large_order_is_posted(env: InMemoryEnvironment) -> None:
    env.connect()
    order, crashes = post(env, long_notes(env))
    assert (env.record(order).state, crashes) == ("posted", [])
    (found,) = env.in_exact()
    assert len(found["lines"]) == 1400


def test_every_exception_of_a_large_order_is_stored_and_its_trail_is_intact(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order, crashes = post(env, all_unmapped(env, 2000))
    record = env.record(order)
    assert (crashes, record.state, len(record.problems)) == ([], "review", 6000)
    own = env.services.ledger_of(FIRM)
    assert own.find_break(record) is None
    review = own.trail(record.key)[-1]
    assert (review.step, len(review.detail["problems"])) == ("review", 6000)
    found = [each for each in own.with_exceptions() if each.key == record.key]
    assert [len(each.problems) for each in found if isinstance(each, Record)] == [6000]


def test_the_rows_of_an_earlier_version_are_gone(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "_PART_LENGTH", 20_000)
    env.connect()
    airbase = env.airbase
    tags = [airbase.tag("Department", "", words(22, n)) for n in range(700)]
    order, _ = post(env, [airbase.line("4100", "1.00", "x", tags=[each]) for each in tags])
    table = env.memory.tables.ledger
    assert list(table.query(f"{FIRM}#facts"))
    env.wait(days=1)
    assert env.codes(order) == ["UNKNOWN_COST_CENTRE"] * 700
    rows = [str(row["sk"]).split("#")[2] for row in table.query(f"{FIRM}#facts")]
    assert set(rows) == {f"{env.record(order).version:08d}"}
    line = {"line_number": 1} | airbase.line("4100", "1.00", "x")
    airbase.amend(order, expense_list=[line], total_amount="1.00")
    assert env.post(order).state == "posted"
    assert list(table.query(f"{FIRM}#facts")) == []


def test_notes_of_2000_lines_are_posted_kept_and_compared(env: InMemoryEnvironment) -> None:
    env.connect()
    lines = [env.airbase.line("4100", amount(n), words(60, n)) for n in range(2000)]
    order, crashes = post(env, lines)
    assert (env.record(order).state, crashes) == ("posted", [])
    env.wait(hours=13)  # Exact's stream is read
    exact = env.record(order).facts.exact
    assert exact
    kept = env.services_of().exact_orders(NL.key).get(exact.id)
    assert kept
    assert len(kept.lines) == 2000
    assert env.codes(order) == []


def test_an_order_that_cannot_be_stored_is_an_exception_that_names_the_limit(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    lines = [env.airbase.line("4100", amount(n), words(400, n)) for n in range(3000)]
    order, crashes = post(env, lines)
    assert crashes == []
    assert env.codes(order) == ["RECORD_TOO_LARGE"]
    (found,) = env.record(order).problems
    assert "PO-1" in found.record
    assert "4 MB" in found.cause
    assert "Split the order" in found.remedy
    assert env.in_exact() == []


def test_of_too_many_exceptions_the_first_are_stored(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LARGEST_TRANSACTION", 180 * 1024)
    monkeypatch.setattr(ledger, "_KEPT_FREE", 20 * 1024)
    env.connect()
    order, crashes = post(env, all_unmapped(env, 2000))
    assert crashes == []
    codes = env.codes(order)
    assert len(codes) == 100
    assert codes[-1] == "RECORD_TOO_LARGE"
    steps = env.steps(order)
    env.wait(days=1)
    assert env.steps(order) == steps, "the same exceptions are not audited again"


def long_order(env: InMemoryEnvironment) -> dict[str, Any]:
    """Return an order of about 700 kB in Exact's words."""
    text = words(500, 1)
    return env.order(lines=[env.airbase.line("4100", amount(n), text) for n in range(200)])


def test_an_order_over_10_mb_is_not_sent_to_exact(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.LARGEST_REQUEST == 10_000_000
    monkeypatch.setattr(client, "LARGEST_REQUEST", 500_000)
    env.connect()
    order = long_order(env)
    env.post(order)
    (found,) = env.record(order).problems
    assert found.code == "REQUEST_TOO_LARGE"
    assert "10 MB" in found.cause
    assert "Split the order" in found.remedy
    env.wait(days=1)
    assert env.codes(order) == ["REQUEST_TOO_LARGE"]
    asked = [each for each in env.exact.calls if "/PurchaseOrders" in each.path]
    assert not [each for each in asked if each.method == "POST"]


def test_the_simulator_refuses_a_body_that_is_too_large(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    monkeypatch.setattr(dispatch, "_LARGEST_REQUEST", 500_000)
    order = long_order(env)
    assert env.post(order).state != "posted"
    monkeypatch.undo()
    env.wait(hours=1)
    assert env.record(order).state == "posted"
