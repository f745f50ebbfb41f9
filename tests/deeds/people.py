"""People who decide about groups of exceptions, over an in-memory environment."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from local.firm import NL, Branch
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.ids import RecordKey
from ml_connector.domain.open_groups import Group
from ml_connector.domain.records import DeedFacts, DeedResult, DeedState
from ml_connector.domain.reports import DeedOutcome
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.infrastructure.ledger import AnyRecord, Record
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.messages.kinds import DeedName, PersonDeed, PersonRequest, RequestName
from ml_connector.messages.sending import deed_message, request_message

_NUMBERS = count(1)
SWEEP = Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"})


class People:
    """The firm, connected; what each of its people asks for is queued as by the console."""

    def __init__(self, env: InMemoryEnvironment) -> None:
        self.env = env
        self.ledger = env.services.ledger_of(FIRM)

    def unmapped(
        self, account: str, number: int = 1, branch: Branch = NL, amount: str = "100.00"
    ) -> list[dict[str, Any]]:
        """Approve orders on an account that the division does not have."""
        lines = [self.env.airbase.line(account, amount)]
        orders = [self.env.order(f"PO-{account}-{n}", branch, lines=lines) for n in range(number)]
        for each in orders:
            self.env.post(each)
        return orders

    def group(self, text: str) -> Group:
        """Return the group of which the cause says this."""
        (found,) = [each for each in self.ledger.groups.all() if text in each.matter.cause]
        return found

    def ask(self, who: str, deed: DeedName, group: Group, **more: Any) -> RecordKey:
        """Have something done about a group; return the key of the deed. Nothing is delivered."""
        key = RecordKey(f"deed#{next(_NUMBERS):032d}")
        self.send(who, deed, key, group=group.id, divisions=group.matter.divisions, **more)
        return key

    def send(self, who: str, deed: DeedName, key: RecordKey, **more: Any) -> None:
        """Queue a message about a deed."""
        self.env.clock.move(0.001)
        person: Any = {"issuer": "https://idp", "subject": who, "person": who.title()}
        body = PersonDeed(connection=FIRM, deed=deed, record=key, **person, **more)
        message = deed_message(body)
        stored = json.loads(json.dumps(message.body))
        once = f"{key} {deed} {self.env.clock()}"
        self.env.memory.queues.send(replace(message, body=stored), once)

    def request(self, who: str, name: RequestName, **values: str) -> DeedOutcome | None:
        """Ask for something on a page that is about no one record; return what came of it."""
        self.env.clock.move(1)
        person: Any = {"issuer": "https://idp", "subject": who, "person": who.title()}
        body = PersonRequest(
            FIRM, request=name, id=f"{next(_NUMBERS):024x}", values=values, **person
        )
        self.env.memory.queues.send(request_message(body), body.id)
        self.deliver(self.env.memory.queues)
        return KeptReports(self.env.services.tables.mappings, FIRM).outcome(body.id)

    def work(self, minutes: int = 1, *, first: float = 60) -> None:
        """Let the sweep come each minute; a message over which a worker fails comes again."""
        for _ in range(minutes):
            self.env.clock.move(first)
            self.deliver(self.env.memory.queues, [SWEEP])
            self.deliver(self.env.memory.queues)

    def deliver(self, queues: Any, at_once: Sequence[Message] = ()) -> None:
        """Deliver what is ready; failures are left to the queue."""
        for message in at_once:
            self.env.memory.work(message, self.env.services)
        while ready := list(queues.ready()):
            for one in ready:
                try:
                    queues.deliver(one, lambda each: self.env.memory.work(each, self.env.services))
                except BaseException as error:  # noqa: BLE001  a crash ends the process
                    self.failed(error)

    def failed(self, error: BaseException) -> None:
        """Do nothing about a worker that failed."""

    def deed(self, key: RecordKey) -> Record[DeedFacts]:
        """Return the deed."""
        record: AnyRecord = self.ledger.read(key)
        return record

    def results(self, key: RecordKey) -> dict[str, str]:
        """Return why it was not done, by title, of a deed that is at its end."""
        record = self.deed(key)
        assert record.state == DeedState.DONE, record.state
        return {each.title: each.why for each in self.rows(key)}

    def rows(self, key: RecordKey) -> tuple[DeedResult, ...]:
        return self.deed(key).facts.done
