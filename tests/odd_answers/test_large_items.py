"""What DynamoDB takes: 400 KB an item. An order may be larger, and so may all that is wrong."""

import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.office import Office
from tests.odd_answers.hostile import limit_items, note_crashes

_fails = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="what is wrong with a large order does not fit into one item: a crash, no exception",
)
_CHANCE = random.Random(7)
_WORDS = [
    "".join(_CHANCE.choices("abcdefghijklmnop", k=_CHANCE.randint(3, 10))) for _ in range(3000)
]


def words(number: int, seed: int) -> str:
    """Return words that hardly compress, as people's notes do."""
    return " ".join(random.Random(seed).choices(_WORDS, k=number))


def amount(position: int) -> str:
    return f"{1 + position % 97}.00"


def all_unmapped(office: Office) -> list[dict[str, Any]]:
    """Return lines of which nothing is known in Exact: no account, no tag, no VAT code."""
    airbase = office.airbase
    return [
        airbase.line(
            f"9{n:05d}",
            amount(n),
            words(8, n),
            tags=[airbase.tag("Department", f"D{n}", words(2, n)), airbase.tag(f"Label{n}", "x")],
            vat_code=f"V{n}",
        )
        for n in range(700)
    ]


def account_unmapped(office: Office) -> list[dict[str, Any]]:
    return [office.airbase.line("9999", amount(n), words(8, n)) for n in range(2100)]


def long_notes(office: Office) -> list[dict[str, Any]]:
    return [office.airbase.line("4100", amount(n), words(60, n)) for n in range(1400)]


def sent(office: Office, lines: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    order = office.order(lines=lines)
    crashes = note_crashes(office, ClientError)
    office.post(order)
    return order, crashes


@_fails
@pytest.mark.parametrize("lines", [all_unmapped, account_unmapped], ids=lambda f: f.__name__)
def test_a_large_order_that_cannot_be_posted_is_an_exception(office: Office, lines: Any) -> None:
    limit_items(office)
    office.connect()
    order, crashes = sent(office, lines(office))
    assert crashes == []
    assert office.record(order).state == "review"
    assert "UNKNOWN_GL_ACCOUNT" in office.codes(order)


def test_a_large_order_is_posted(office: Office) -> None:
    limit_items(office)
    office.connect()
    order, crashes = sent(office, long_notes(office))
    assert (office.record(order).state, crashes) == ("posted", [])
    (found,) = office.in_exact()
    assert len(found["lines"]) == 1400
