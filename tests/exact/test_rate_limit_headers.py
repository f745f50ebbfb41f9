"""Rate-limit headers, recorded and damaged."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.exact import rate_limit_headers as limits

RECORDED = {
    "X-RateLimit-Limit": "9000",
    "X-RateLimit-Remaining": "8924",
    "X-RateLimit-Reset": "1638489600000",
    "X-RateLimit-Minutely-Limit": "100",
    "X-RateLimit-Minutely-Remaining": "99",
    "X-RateLimit-Minutely-Reset": "1638447360000",
}
AT = datetime(2021, 12, 2, 12, 15, 30, tzinfo=UTC)


def test_the_recorded_headers() -> None:
    found = limits.parse(RECORDED, AT)
    assert found.minute == limits.Window(100, 99, datetime(2021, 12, 2, 12, 16, tzinfo=UTC))
    assert found.day == limits.Window(9000, 8924, datetime(2021, 12, 3, tzinfo=UTC))
    assert found.minute is not None
    assert found.minute.used == 1


@pytest.mark.parametrize("kept", ["X-RateLimit-Minutely", "X-RateLimit-L", ""])
def test_missing_sets_are_none(kept: str) -> None:
    found = limits.parse({k: v for k, v in RECORDED.items() if kept and k.startswith(kept)}, AT)
    assert (found.minute is not None) == (kept == "X-RateLimit-Minutely")
    assert (found.day is not None) == (kept == "X-RateLimit-L")


@pytest.mark.parametrize("reset", ["", "soon", "-5", "0", "1638447000000", "9" * 30])
def test_a_stale_or_absurd_reset_is_dropped(reset: str) -> None:
    found = limits.parse(RECORDED | {"X-RateLimit-Minutely-Reset": reset}, AT)
    assert found.minute == limits.Window(100, 99, None)


def test_a_reset_may_be_in_seconds() -> None:
    found = limits.parse(RECORDED | {"X-RateLimit-Minutely-Reset": "1638447360"}, AT)
    assert found.minute is not None
    assert found.minute.resets_at == datetime(2021, 12, 2, 12, 16, tzinfo=UTC)


def test_the_ends_of_windows() -> None:
    assert limits.next_minute(AT) == AT + timedelta(seconds=30)
    assert limits.next_day(AT) == datetime(2021, 12, 3, tzinfo=UTC)


@given(st.dictionaries(st.sampled_from(sorted(RECORDED)), st.text()))
def test_no_headers_break_the_reader(headers: dict[str, str]) -> None:
    limits.parse(headers, AT)
