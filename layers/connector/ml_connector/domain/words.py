"""Numbers, moments and commands as people read them."""

import shlex
from datetime import UTC, datetime


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return the number with its noun, `1 order` or `1,204 orders`; the plural may be irregular."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def verb(number: int, singular: str, plural: str) -> str:
    """Return the form of a verb that goes with the number: `needs` or `need`."""
    return singular if number == 1 else plural


def share(part: int, whole: int) -> str:
    """Return a part of a whole as `66.7%`; only nothing is 0%, and only all of it 100%."""
    if part in {0, whole}:
        return "100%" if part else "0%"
    percent = 100 * part / whole
    if not 0.1 <= percent <= 99.9:
        return "under 0.1%" if percent < 1 else "over 99.9%"
    return f"{percent:.1f}%"


def moment(at: datetime | str) -> str:
    """Return a moment, aware or as ISO 8601 text, as `2026-10-31 09:05 UTC`."""
    return f"{_in_utc(at):%Y-%m-%d %H:%M} UTC"


def instant(at: datetime | str) -> str:
    """Return a moment to the second, where steps follow each other: `2026-10-31 09:05:12 UTC`."""
    return f"{_in_utc(at):%Y-%m-%d %H:%M:%S} UTC"


def _in_utc(at: datetime | str) -> datetime:
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)


def command(*words: object) -> str:
    """Return a command of the command line, to be pasted: "`connector ping my-firm`".

    Every text proposes commands in this form, so that the command line can name itself and the
    stack as they were typed.
    """
    return f"`connector {shlex.join(map(str, words))}`"
