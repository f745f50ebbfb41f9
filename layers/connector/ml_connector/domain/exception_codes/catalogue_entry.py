"""What a code means, in words for the person who reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How urgent a code is; from the most urgent to the least."""

    HALT = "halt"
    """The connection, or one of its divisions, is stopped: repair it now."""
    EXCEPTION = "exception"
    """One order, vendor or event waits for a person."""
    NOTE = "note"
    """A person should look at it, but no order waits for that."""
    DELAY = "delay"
    """Nothing to do: the work continues by itself."""


@dataclass(frozen=True)
class CatalogueEntry:
    """One code: how urgent it is, what happened and what to do about it.

    `cause` and `remedy` are templates of whole sentences, with named fields in braces. `details`
    are templates for a further sentence of the cause, by name; the place that raises the code
    chooses one and gives its values. A translation replaces the templates and keeps the fields.
    """

    code: str
    severity: Severity
    cause: str
    remedy: str
    details: Mapping[str, str] = field(default_factory=dict)

    def template(self, detail: str = "") -> str:
        """Return the template of the cause, followed by the detail of this name."""
        return f"{self.cause} {self.details[detail]}" if detail else self.cause
