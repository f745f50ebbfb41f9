"""Errors shown to people, in clear lines."""

import re

_USER_INFO = re.compile(r"//[^/@\s]*@")


class UserError(Exception):
    """Wrong use or bad input; nothing was changed."""

    def __init__(self, *lines: str) -> None:
        """Carry the lines to show."""
        super().__init__("\n".join(lines))
        self.lines = lines


class ServiceError(UserError):
    """AWS, Airbase or Exact failed; the request itself is valid."""


def safe_lines(*texts: str) -> list[str]:
    """Return the texts without secrets, each on one line."""
    from ml_connector import telemetry  # noqa: PLC0415  help needs no logging

    return [_USER_INFO.sub("//", telemetry.redact_text(" ".join(text.split()))) for text in texts]
