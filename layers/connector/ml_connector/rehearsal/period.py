"""The days of a rehearsal, each in the time zone of its site."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from ml_connector.month_end.months import read_month, today
from ml_connector.user_errors import UserError

LONGEST = timedelta(days=366)


class AskedDays(NamedTuple):
    """What a person asks for: a month such as `2026-10`, or days such as `2026-10-01`."""

    month: str | None = None
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Period:
    """From the first day to the last one."""

    first: date
    last: date
    zone: str

    def __str__(self) -> str:
        """Return the days as `2026-10-01..2026-10-31`."""
        return f"{self.first}..{self.last}"

    def includes(self, day: date | None) -> bool:
        """Return whether the day is in the period."""
        return day is not None and self.first <= day <= self.last

    def is_near(self, day: date | None, within: timedelta) -> bool:
        """Return whether the day is in the period, or `within` of it."""
        return day is not None and self.first - within <= day <= self.last + within


def read_period(asked: AskedDays, *zones: str) -> Period:
    """Return the days of the month, or from the first to the last one, which may be today.

    Raises `UserError` for both or neither, for no such days, and for days that are still to come.
    """
    month, first, last = asked
    if bool(month) == bool(first) or (last and not first):
        raise UserError("pass either --month, or --from (with or without --to)")
    if month:
        found = read_month(month, *zones)
        return Period(found.first, found.last, found.zone)
    now, zone = max(map(today, zones)), ", ".join(zones)
    begins = _day("--from", first or "")
    ends = _day("--to", last) if last else max(begins, now)
    if begins > ends:
        raise UserError(f"--from {begins} is later than --to {ends}")
    if begins > now:
        raise UserError(f"{begins} has not begun yet in {zone}")
    if ends - begins > LONGEST:
        raise UserError(f"{begins} to {ends} is longer than {LONGEST.days} days")
    return Period(begins, ends, zone)


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UserError(f"{option} {text!r} is not a day: write it like 2026-10-01") from None
