"""One measured figure, and whether it is within its limit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One figure. `limit` is a text; `holds` is None without a limit."""

    name: str
    figure: str
    limit: str = ""
    holds: bool | None = None
