"""A calendar month in the time zones of a connection's sites."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from ml_connector import clock
from ml_connector.user_errors import UserError

_FORM = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True)
class Month:
    """The days of one month, each in the time zone of the site where it is counted."""

    year: int
    month: int
    zones: tuple[str, ...]

    @property
    def zone(self) -> str:
        """Return the names of the zones."""
        return ", ".join(self.zones)

    def __str__(self) -> str:
        """Return the month as `2026-10`."""
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def first(self) -> date:
        """Return the first day."""
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        """Return the last day."""
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

    @property
    def is_over(self) -> bool:
        """Return whether its last day has passed in every zone."""
        return min(map(today, self.zones)) > self.last

    def includes(self, day: date | None) -> bool:
        """Return whether the day is in the month."""
        return day is not None and (day.year, day.month) == (self.year, self.month)


def read_month(text: str, *zones: str) -> Month:
    """Read a month such as `2026-10`; raise `UserError` if it is invalid or in the future."""
    found = _FORM.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise UserError(f"--month {text!r} is not a month: write it like 2026-10")
    month = Month(int(found[1]), int(found[2]), zones)
    if month.first > max(map(today, zones)):
        raise UserError(f"{month} has not begun yet in {month.zone}")
    return month


def today(zone: str) -> date:
    """Return the current day in the zone."""
    return clock.now().astimezone(ZoneInfo(zone)).date()
