"""Ages as people type them: 90m, 4h, 3d, 2w."""

import re
from datetime import UTC, datetime, timedelta

from ml_connector import clock
from ml_connector.user_errors import UserError

_AGE = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def ago(option: str, age: str) -> datetime:
    """Return the moment so long ago; raises `UserError`, naming the option, for anything else."""
    found = _AGE.fullmatch(age.strip().lower())
    if found is None:
        raise UserError(f"{option} {age!r} is not an age: write it like 90m, 4h, 3d or 2w")
    return clock.now() - timedelta(**{_UNITS[found[2]]: int(found[1])})


def since(option: str, text: str) -> datetime:
    """Return the beginning of a day (UTC), or the moment an age ago; raises `UserError`."""
    if _AGE.fullmatch(text.strip().lower()):
        return ago(option, text)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UserError(
            f"{option} {text!r} is neither a day nor an age: write it like 2026-11-20 or 3d"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
