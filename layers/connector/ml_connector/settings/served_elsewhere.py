"""Subsidiaries of the tenant whose orders another system, or somebody by hand, takes care of."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_serializer, model_validator

from ml_connector.settings.airbase_profile import StrictModel

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ServedElsewhere(StrictModel):
    """A subsidiary whose orders are not posted here, of every day or of those in a period.

    The day of an order is that of its approval, which is also its order date in Exact and decides
    its month. Both days of the period belong to it.
    """

    subsidiary: Name
    """Airbase's id, ERP code or name of the subsidiary."""
    first_day: date | None = Field(default=None, alias="from")
    last_day: date | None = Field(default=None, alias="until")
    where: str = ""
    """Where its orders go instead, for people."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_day and self.last_day and self.first_day > self.last_day:
            raise ValueError(f"from {self.first_day} is after until {self.last_day}")
        return self

    @model_serializer(mode="plain")
    def _as_in_a_file(self) -> dict[str, Any]:
        days = {"from": self.first_day, "until": self.last_day}
        said = {name: day.isoformat() for name, day in days.items() if day}
        where = {"where": self.where} if self.where else {}
        return {"subsidiary": self.subsidiary, **said, **where}

    @property
    def is_bounded(self) -> bool:
        """Return whether it begins or ends on a day."""
        return bool(self.first_day or self.last_day)

    @property
    def period(self) -> str:
        """Return the period in words: "from 2026-01-01 until 2026-06-30"; empty: always."""
        days = (("from", self.first_day), ("until", self.last_day))
        return " ".join(f"{word} {day}" for word, day in days if day)

    def includes(self, day: date | None) -> bool:
        """Return whether orders of this day go elsewhere; None: a day that is not known."""
        if day is None:
            return not self.is_bounded
        return (self.first_day or day) <= day <= (self.last_day or day)

    def overlaps(self, other: "ServedElsewhere") -> bool:
        """Return whether there is a day in both periods."""
        first, last = (self.first_day, other.first_day), (self.last_day, other.last_day)
        return max(each or date.min for each in first) <= min(each or date.max for each in last)


def refuse_contradictions(elsewhere: Sequence[ServedElsewhere], served: Sequence[str]) -> None:
    """Raise `ValueError` when what is said of one subsidiary cannot all be true.

    `served`: the subsidiaries of the divisions. One of them may be served elsewhere for a period:
    outside of it, the division serves it.
    """
    for number, each in enumerate(elsewhere):
        if each.subsidiary in served and not each.is_bounded:
            raise ValueError(
                f"subsidiary {each.subsidiary} is served by a division and elsewhere: name the "
                "days from or until which it is served elsewhere, or leave it out of one of both"
            )
        for other in elsewhere[:number]:
            if other.subsidiary == each.subsidiary and other.overlaps(each):
                raise ValueError(
                    f"subsidiary {each.subsidiary} is served elsewhere twice on the same day"
                )
