"""What a migration step is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ml_connector.domain.ids import ConnectionId
from ml_connector.stack import Stack


@dataclass(frozen=True)
class Change:
    """One change that a step still has to make.

    `apply` makes it, while workers run, and has no effect when it was made already. Once it was
    made, the step is done with everything up to and including the key `key`.
    """

    key: str
    apply: Callable[[], None]


@dataclass(frozen=True)
class Step:
    """One step: after it, the data of a connection have the form `number`.

    `changes(stack, connection, after)` yields what is still to be changed behind the key `after`,
    in the order of keys, and writes nothing itself. It never touches the audit trail.
    """

    number: int
    purpose: str
    changes: Callable[[Stack, ConnectionId, str], Iterator[Change]]
