"""The ledger in which a deed acts: every entry names the deed, and what it has changed is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeVar

from ml_connector import clock
from ml_connector.deeds.worker_stack import WorkerStack
from ml_connector.domain.ids import Actor, ConnectionId, RecordKey
from ml_connector.domain.records import Facts
from ml_connector.infrastructure.dynamodb import Item, Put, Write
from ml_connector.infrastructure.ledger import Ledger, Record

_KEPT_FOR = timedelta(days=3)  # a deed that is not done a day later is ended
AnyFacts = TypeVar("AnyFacts", bound=Facts)


class DeedLedger(Ledger):
    """Writes a row with each record: a worker that comes after a crash reads what was done.

    Under keys of their own: whoever lists records never meets the rows. The workers cannot read the
    audit trail, in which each entry of a deed names it as `by_deed`.
    """

    deed = RecordKey("")

    def write(
        self,
        record: Record[AnyFacts],
        step: str,
        *,
        also: Sequence[Write] = (),
        detail: Mapping[str, Any] | None = None,
    ) -> Record[AnyFacts]:
        """See `Ledger.write`."""
        row = Put(self._ledger, self._row(record.key))
        said = {**(detail or {}), "by_deed": self.deed}
        return super().write(record, step, also=(*also, row), detail=said)

    def has_changed(self, key: RecordKey) -> bool:
        """Return whether the deed has changed this record."""
        row = self._row(key)
        return self._ledger.get(str(row["pk"]), str(row["sk"])) is not None

    def _row(self, key: RecordKey) -> Item:
        named = sha256(key.encode()).hexdigest()[:32]  # a record's key may be long
        expires = int((clock.now() + _KEPT_FOR).timestamp())
        return {"pk": f"{self.id}#deeds", "sk": f"{self.deed}#{named}", "expires_at": expires}


@dataclass(frozen=True)
class DeedStack(WorkerStack):
    """The stack of a worker that does what a deed asks for."""

    deed: RecordKey

    def ledger_of(self, actor: Actor, id: ConnectionId) -> DeedLedger:
        """See `RecordStack.ledger_of`."""
        connection = self.services.connections.get(id)
        site = connection.first_site if connection else None
        tables = self.services.tables
        ledger = DeedLedger(tables.ledger, tables.audit, actor, id, site)
        ledger.deed = self.deed
        return ledger
