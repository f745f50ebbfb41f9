"""What a code means, in words for the person who reads it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """What happened, and what the person who reads it should do."""

    cause: str
    remedy: str
