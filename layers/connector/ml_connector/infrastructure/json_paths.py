"""The JMESPath expressions of a profile, applied to what Airbase sent."""

from functools import lru_cache
from typing import Any

import jmespath

_compile = lru_cache(maxsize=256)(jmespath.compile)


class PathError(ValueError):
    """A path that fails on this value; its text says why."""


def search(path: str, value: Any) -> Any:
    """Return what is at the path, or None; raises `PathError` where the path fails."""
    try:
        return _compile(path).search(value)
    except Exception as error:  # noqa: BLE001  whatever a function of JMESPath raises
        raise PathError(str(error) or type(error).__name__) from None
