"""What the template says of the console."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Settings:
    """The settings of a console; `url` is empty when API Gateway's own address is used.

    `claim` holds the values (groups, app roles) by which people get their roles. A session `lasts`
    so long at most.
    """

    issuer: str
    client_id: str
    claim: str
    url: str
    secret_prefix: str
    lasts: timedelta

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings in the environment; `KeyError` names a missing one."""
        return cls(
            environment["CONSOLE_ISSUER"],
            environment["CONSOLE_APP"],
            environment["CONSOLE_CLAIM"],
            environment["CONSOLE_URL"].rstrip("/"),
            environment["SECRET_PREFIX"],
            timedelta(hours=float(environment["CONSOLE_SESSION_HOURS"])),
        )
