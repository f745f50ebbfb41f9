"""DynamoDB takes 400 KB an item. An order, or its problems, may be larger."""

import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.in_memory.environment import InMemoryEnvironment
from tests.odd_answers.hostile import limit_items, record_crashes

_fails = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the problems of a large order do not fit into one item: a crash, no exception",
)
_RANDOM = random.Random(7)
_WORDS = [
    "".join(_RANDOM.choices("abcdefghijklmnop", k=_RANDOM.randint(3, 10))) for _ in range(3000)
]


def words(number: int, seed: int) -> str:
    """Return words that compress badly, as people's notes do."""
    return " ".join(random.Random(seed).choices(_WORDS, k=number))


def amount(position: int) -> str:
    return f"{1 + position % 97}.00"


def all_unmapped(env: InMemoryEnvironment) -> list[dict[str, Any]]:
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
        for n in range(700)
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


@_fails
@pytest.mark.parametrize("lines", [all_unmapped, account_unmapped], ids=lambda f: f.__name__)
def test_a_large_order_that_cannot_be_posted_is_an_exception(
    env: InMemoryEnvironment, lines: Any
) -> None:
    limit_items(env)
    env.connect()
    order, crashes = post(env, lines(env))
    assert crashes == []
    assert env.record(order).state == "review"
    assert "UNKNOWN_GL_ACCOUNT" in env.codes(order)


def test_a_large_order_is_posted(env: InMemoryEnvironment) -> None:
    limit_items(env)
    env.connect()
    order, crashes = post(env, long_notes(env))
    assert (env.record(order).state, crashes) == ("posted", [])
    (found,) = env.in_exact()
    assert len(found["lines"]) == 1400
