"""A calendar month as the tenant's people mean it."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from connector_cli.complaints import Complaint
from ml_connector import clock

_FORM = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True)
class Month:
    """The days of one month; `zone` says when a day begins."""

    year: int
    month: int
    zone: str

    def __str__(self) -> str:
        """Return for example `2026-10`."""
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
        """Return whether its last day has passed in the zone."""
        return today(self.zone) > self.last

    def holds(self, day: date | None) -> bool:
        """Return whether the day is one of its days."""
        return day is not None and (day.year, day.month) == (self.year, self.month)


def read_month(text: str, zone: str) -> Month:
    """Return the month that `2026-10` means; raises `Complaint` for a future one or no month."""
    found = _FORM.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise Complaint(f"--month {text!r} is no month: write it like 2026-10")
    month = Month(int(found[1]), int(found[2]), zone)
    if month.first > today(zone):
        raise Complaint(f"{month} has not begun yet in {zone}")
    return month


def today(zone: str) -> date:
    """Return the day that it is now in the zone."""
    return clock.now().astimezone(ZoneInfo(zone)).date()
