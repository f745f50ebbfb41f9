"""IAM's patterns: `*` is any text, `?` any character."""

import re
from functools import lru_cache

_COMPONENTS = 6


@lru_cache(maxsize=4096)
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    return re.compile("".join(parts), flags | re.DOTALL)


def is_like(pattern: str, text: str) -> bool:
    """Return whether the text matches the pattern, case included."""
    return _compiled(pattern, 0).fullmatch(text) is not None


def is_action_like(pattern: str, action: str) -> bool:
    """Return whether the action ("service:Operation") matches; case does not count."""
    return _compiled(pattern, re.IGNORECASE).fullmatch(action) is not None


def is_arn_like(pattern: str, arn: str) -> bool:
    """Return whether the ARN matches, each of its six parts by itself: no `*` spans a colon."""
    if pattern == "*":
        return True
    wanted, found = (text.split(":", _COMPONENTS - 1) for text in (pattern, arn))
    return len(wanted) == len(found) == _COMPONENTS and all(map(is_like, wanted, found))
