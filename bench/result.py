"""What one measure found, and whether it is within its limit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One figure: a count or a ratio. `limit` in words; `holds` is None for what has none."""

    name: str
    figure: str
    limit: str = ""
    holds: bool | None = None
