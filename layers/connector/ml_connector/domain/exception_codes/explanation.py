"""What a code means, in words for the person who reads it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """What happened, and what to do about it."""

    cause: str
    remedy: str
