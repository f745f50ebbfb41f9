"""Numbers and moments as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ml_connector.domain.words import command, counted, instant, moment, share, verb


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, ("order",), "0 orders"),
        (1, ("order",), "1 order"),
        (2, ("order",), "2 orders"),
        (1204, ("order",), "1,204 orders"),
        (1, ("entry", "entries"), "1 entry"),
        (3, ("entry", "entries"), "3 entries"),
    ],
)
def test_a_number_with_its_noun(number: int, nouns: tuple[str, ...], text: str) -> None:
    assert counted(number, *nouns) == text


def test_a_verb_goes_with_its_number() -> None:
    assert [verb(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 80, "0%"),
        (0, 0, "0%"),
        (1, 5000, "under 0.1%"),
        (5, 5000, "0.1%"),
        (2, 3, "66.7%"),
        (4999, 5000, "over 99.9%"),
        (80, 80, "100%"),
    ],
)
def test_only_nothing_is_0_and_only_all_is_100_percent(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_a_moment_names_its_zone() -> None:
    amsterdam = timezone(timedelta(hours=1))
    at = datetime(2026, 10, 31, 9, 5, 59, tzinfo=amsterdam)
    assert moment(at) == moment(at.isoformat()) == "2026-10-31 08:05 UTC"
    assert moment(datetime(2026, 10, 31, tzinfo=UTC)) == "2026-10-31 00:00 UTC"
    assert instant(at) == instant(at.isoformat()) == "2026-10-31 08:05:59 UTC"


def test_a_command_is_quoted_for_a_shell() -> None:
    assert command("retry", "firm", "PO 1") == "`connector retry firm 'PO 1'`"
