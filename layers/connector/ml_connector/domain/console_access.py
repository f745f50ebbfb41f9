"""Who may do what in the console: roles, by what the identity provider says of a person.

A grant gives a role to everybody of whom a claim has a value (a group, an app role), for all
divisions or for some. An administrator can also be named by their subject, so that there is one
before any group is.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum

from msgspec import Struct

from ml_connector.domain.records import Note


class Role(IntEnum):
    """What somebody may do; each may do what the one before may."""

    READER = 1
    CLERK = 2
    APPROVER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """Return how commands and pages call it."""
        return self.name.lower()


class Grant(Struct, frozen=True):
    """A role for everybody of whom the claim has this `value`; `note`: who granted it, and when.

    `divisions` are keys as records have them (`nl.2101`); empty: all of them.
    """

    role: Role
    value: str
    note: Note
    divisions: tuple[str, ...] = ()


class Admin(Struct, frozen=True):
    """An administrator by subject; `note`: who named them, and when."""

    subject: str
    note: Note


class Access(Struct, frozen=True):
    """What a person may do: the highest role in each division, and in all of them."""

    everywhere: Role | None
    by_division: dict[str, Role]
    why: tuple[str, ...] = ()
    """The claim values, or the subject, that give it."""

    @property
    def role(self) -> Role:
        """Return the highest role that the person has anywhere."""
        return max(filter(None, (self.everywhere, *self.by_division.values())))

    def role_for(self, divisions: Iterable[str]) -> Role | None:
        """Return the role for a record of these divisions; None: it does not exist for them.

        A record that belongs to no division in particular is of all.
        """
        found = [self.everywhere, *(self.by_division.get(each) for each in divisions)]
        return max(filter(None, found), default=None)


class AccessRules(Struct, frozen=True):
    """All grants of a stack."""

    grants: tuple[Grant, ...] = ()
    admins: tuple[Admin, ...] = ()

    def access_of(self, subject: str, values: Sequence[str]) -> Access | None:
        """Return what a person with these values of the claim may do; None: nothing at all."""
        given = [each for each in self.grants if each.value in values]
        named = [each.subject for each in self.admins if each.subject == subject]
        if not (given or named):
            return None
        everywhere = [each.role for each in given if not each.divisions]
        everywhere += [Role.ADMIN] * len(named)
        by_division: dict[str, Role] = {}
        for each in given:
            for division in each.divisions:
                by_division[division] = max(each.role, by_division.get(division, each.role))
        why = (*dict.fromkeys([*named, *(each.value for each in given)]),)
        return Access(max(everywhere, default=None), by_division, why)
