"""A person who signed in to the console, as the audit trail names them.

Who somebody is, is the issuer and the subject of their identity; a name can be anybody's, and an
e-mail address can be given to another.
"""

import re
from urllib.parse import quote, unquote

from msgspec import Struct

from ml_connector.domain.ids import Actor
from ml_connector.domain.personal_values import MARK

_LONGEST_NAME = 100
_CONSOLE = re.compile(r"console (\S+) (\S+) \((.*)\)")
_COMMAND = re.compile(r"connector arn:\S+?:(?:assumed-role/[^/\s]+/|user/)(\S+)")


class Person(Struct, frozen=True):
    """A person, by issuer and subject, and the name that their issuer gave them."""

    issuer: str
    subject: str
    name: str

    @property
    def actor(self) -> Actor:
        """Return who acts, for the audit trail: `console ISSUER SUBJECT (NAME)`.

        Issuer and subject are quoted, so no name can look like another identity.
        """
        identity = f"{quote(self.issuer, safe=':/')} {quote(self.subject, safe='@|-._')}"
        shown = "".join(c for c in self.name if c.isprintable())[:_LONGEST_NAME]
        return Actor(f"console {identity} ({shown})")


def person_of(actor: str) -> Person | None:
    """Return the person of the console that an entry of the audit trail names, or None."""
    found = _CONSOLE.fullmatch(actor)
    return Person(unquote(found[1]), unquote(found[2]), found[3]) if found else None


def name_of(actor: str) -> str:
    """Return how a page calls who acted: a person's name, or the actor as it stands."""
    if actor.startswith(MARK):
        return "(removed)"
    if person := person_of(actor):
        return person.name or person.subject
    command = _COMMAND.fullmatch(actor)
    return command[1] if command else actor
