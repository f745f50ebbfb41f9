"""One seeded history: orders, webhooks, workers, clocks and faults in a random order.

`History(seed).run()` plays it and raises `AssertionError` naming the seed when an invariant
broke; the same seed always plays the same history.
"""

import json
import random
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
from botocore.exceptions import ClientError

from local.exact_simulator import ExactSimulator
from local.exact_simulator.world import Division as SimulatedDivision
from local.in_memory.rights import acting_as
from local.in_memory.stack import Hosts, InMemoryStack, QueuedMessage
from ml_connector import clock
from ml_connector.domain.ids import Division, OrderId, SiteId, code_of, site_of
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.domain.records import posted_facts
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.purchase_orders import ORDERS_PATH
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import Inbox, IncomingEvent
from ml_connector.infrastructure.ledger import Conflict, Ledger, OrderRecord
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.infrastructure.tables import Tables
from ml_connector.messages.sending import refresh_message
from ml_connector.purchase_orders.posting import advance_order
from ml_connector.secret import Secret
from ml_connector.settings.connection import ExactSite
from tests.histories.fault_injection import (
    FaultInjector,
    FaultyQueues,
    FaultySecretStore,
    FaultyTable,
    FaultyTransport,
    ProcessKilled,
)
from tests.histories.firm import (
    BE,
    BE_ABROAD,
    CONNECTION,
    CONNECTION_OF_TWO_SITES,
    FINAL,
    FIRM,
    NL,
    kind_of,
    make_order,
)
from tests.histories.one_site_away import OneSiteAway
from tests.histories.people import People

PEOPLE_EVERY = 10
"""One in so many histories has changes after the posting."""
TWO_SITES_EVERY = 5
"""One in so many has its divisions, of equal codes, on two Exact sites."""
_START = 1_790_000_000.0
_CALM_ROUNDS = 80
_DAY = 86_500
_FOUR_HOURS = 4 * 3600 + 60
_SETTLED = 130
_A_SWEEP_LATER = 8

VENDORS = {
    id: {"airbase_id": id, "erp_reference_id": code, "name": name, "is_active": True}
    for id, code, name in (("v-known", "7", "Papier"), ("v-unknown", "", "Zorendis"))
}
_SHARES = (0.005, 0.015, 0.05)  # of all calls fail


def has_two_sites(seed: int) -> bool:
    """Return whether the firm of this history has two sites; none of those has `People`."""
    return seed % TWO_SITES_EVERY == 1


class History:
    """Plays one seed."""

    def __init__(self, seed: int) -> None:
        """Prepare the environment of this seed, with few, some or many faults."""
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = clock.MovableClock(_START + self.rng.randrange(86_400))
        clock.read_from(self.clock)
        self.faults = FaultInjector(random.Random(seed + 1), _SHARES[seed % len(_SHARES)])
        self.has_two_sites = has_two_sites(seed)
        self.connection = CONNECTION_OF_TWO_SITES if self.has_two_sites else CONNECTION
        self.divisions = (NL, BE_ABROAD if self.has_two_sites else BE)
        self.sites = {
            each.site: ExactSimulator(self.clock, random.Random(seed + 2 + place), site=each.site)
            for place, each in enumerate(self.connection.sites)
        }
        self.exact = self.sites[site_of(NL)]
        self.orders: dict[str, dict[str, Any]] = {}
        self.memory = self._in_memory_stack()
        self.services = self.memory.services()
        self._fill()
        self.people: People | None = None

    # ------------------------------------------------------------ the environment

    def _in_memory_stack(self) -> InMemoryStack:
        airbase = httpx.MockTransport(self._airbase)
        hosts = {
            str(urlsplit(each.exact_base_url).hostname): self.sites[each.site].transport()
            for each in self.connection.sites
        }
        tables = Tables(*(FaultyTable(n, self.faults) for n in Tables.__dataclass_fields__))
        transport = FaultyTransport(Hosts({**hosts, "airbase.test": airbase}), self.faults)
        return InMemoryStack(
            transport, tables, FaultyQueues(self.faults), FaultySecretStore(self.faults)
        )

    def _airbase(self, request: httpx.Request) -> httpx.Response:
        id = request.url.path.rstrip("/").rpartition("/")[2]
        if id == "vendors":
            return httpx.Response(200, json={"data": list(VENDORS.values()), "pagination": {}})
        if "vendors" in request.url.path:
            return httpx.Response(200, json=VENDORS[id])
        if id == "purchase_orders":
            return httpx.Response(200, json={"data": list(self.orders.values())})
        return httpx.Response(200, json=self.orders[id])

    def _fill(self) -> None:
        for division, country in zip(self.divisions, ("NL", "BE"), strict=True):
            code, exact = code_of(division), self.exact_of(division)
            exact.add_division(code, country, requires_supplier_items=division == NL)
            exact.add_supplier(code, "Papier BV", code="7")
            gl_account = exact.add_gl_account(code, "4406", "Office")
            if division == NL:
                exact.add_item(code, "C4406", "Office", gl_account)
        self.memory.secret_store.store("airbase-key", FIRM, {"api_key": "key-of-the-history"})
        for site in self.connection.sites:
            exact = self.sites[site.site]
            app = {"client_id": exact.client_id, "client_secret": exact.client_secret}
            self.memory.secret_store.store("exact-app", site.id, app)
            self._consent(site)
        ConnectionStore(self.memory.tables.mappings).save(self.connection)
        for division in self.divisions:
            self.memory.queues.send(refresh_message(FIRM, division))

    def exact_of(self, division: Division) -> ExactSimulator:
        """Return the Exact site of a division."""
        return self.sites[site_of(division)]

    def give_consent(self, site: SiteId) -> None:
        """Give consent at a site again, and lift its halt."""
        self._consent(self.connection.site(site))
        Halts(self._ledger).lift_all()

    def sweep_and_work(self) -> None:
        """Sweep, and process the queues."""
        self._sweep()
        self.memory.drain(self.services)

    def _consent(self, site: ExactSite) -> None:
        given = self.sites[site.site].issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        pairs = TokenPairs(site.id, self.memory.secret_store, self.memory.tables.coordination)
        number = pairs.next_number(of_new_consent=True)
        pairs.store(Tokens(*pair, clock.now(), number=number))

    def _add_people(self) -> None:
        """In some histories the orders change after they were posted."""
        if self.seed % PEOPLE_EVERY == 0 and any(
            kind_of(o) == "good" for o in self.orders.values()
        ):
            rng = random.Random(self.seed + 3)
            self.people = People(
                self.exact, self.orders, self._reliable_record, FIRM, self.divisions, rng
            )

    def _reliable_record(self, id: str) -> OrderRecord:
        """Read a record without injected faults."""
        is_on, self.faults.is_on = self.faults.is_on, False
        record = self._record(id)
        self.faults.is_on = is_on
        return record

    def _write_orders(self) -> None:
        kinds = ("good", "good", "good", "good", "unknown vendor", "card", "bad total")
        for number in range(self.rng.randint(1, 4)):
            kind = self.rng.choice(kinds)
            order = make_order(f"o{number}", kind, self.rng)
            self.orders[f"o{number}"] = order | {"approved_date": clock.now().isoformat()}

    # ------------------------------------------------------------ the history

    def run(self) -> None:
        """Play with faults, then without, then check the result."""
        self._write_orders()
        self._add_people()
        self.memory.drain(self.services)
        unsent = [id for id in self.orders for _ in range(self._webhooks(id))]
        self.rng.shuffle(unsent)
        self.faults.is_on = True
        self.faults.meanwhile = self._other_worker
        for _ in range(self.rng.randint(20, 60) * (2 if self.people else 1)):
            self._act(unsent)
            if self.people:
                self._act_with_people(self.people, unsent)
        self.faults.is_on = False
        if self.people:
            unsent += self.people.decide_what_is_pending()
        self._calm(unsent)
        self._check()
        if self.has_two_sites:
            OneSiteAway(self).run()

    def _webhooks(self, id: str) -> int:
        """Return how often the webhook is sent; if never, the sweep finds the order."""
        return self.rng.randint(1 if kind_of(self.orders[id]) == "card" else 0, 3)

    def _act(self, unsent: list[str]) -> None:
        self.faults.catch_up()
        action = self.rng.choice(
            ("webhook", "webhook", "work", "work", "work", "sweep", "sweep", "wait")
        )
        if action == "webhook" and unsent:
            self._call_webhook(unsent)
        elif action == "work":
            if ready := list(self.memory.queues.ready()):
                self._deliver(self.rng.choice(ready))
        elif action == "sweep":
            self._sweep()
        else:
            self.clock.move(self.rng.choice((1, 5, 20, 61, 125, 400, 620)))

    def _act_with_people(self, people: People, unsent: list[str]) -> None:
        chance = people.rng.random()
        if chance < 0.1:
            unsent += [people.change_airbase()] * people.rng.randint(1, 2)
        elif chance < 0.15:
            people.change_exact()
        elif chance < 0.2:
            self.clock.move(people.rng.choice((_SETTLED, _SETTLED, _FOUR_HOURS)))
        elif chance < 0.3 and people.notes:
            division, key, action = people.notes.pop(people.rng.randrange(len(people.notes)))
            facts = {"division": division, "topic": "PurchaseOrders", "key": key, "action": action}
            body = {"kind": "exact", "connection": FIRM, **facts}
            with suppress(Exception, ProcessKilled):
                self.memory.queues.send(Message(PURCHASE_ORDERS, f"{FIRM}#{key}", body))
            self._new_process()

    def _call_webhook(self, unsent: list[str]) -> None:
        """Send a webhook; one that is not answered with 2xx is sent again."""
        id = unsent[-1]
        try:
            self._receive(id)
        except (ProcessKilled, Exception):  # noqa: BLE001  any failure means no 2xx
            self._new_process()
            return
        unsent.pop()

    def _receive(self, id: str) -> None:
        inbox = Inbox(self.memory.tables.inbox, FIRM)
        arrival = IncomingEvent(
            connection=FIRM,
            source="airbase",
            key=f"event-{id}-{self.rng.randint(1, 2)}-{self.orders[id].get('edition', 0)}",
            queue=PURCHASE_ORDERS,
            group=id,
            message={"kind": "order", "order": id},
            body=json.dumps({"data": {"id": id}}).encode(),
            headers={},
        )
        kept, _ = inbox.keep(arrival)
        if kept.is_open and self.rng.random() < 0.9:  # otherwise: kept, but not queued
            self.memory.queues.send(kept.message, once=kept.once)

    def _sweep(self) -> None:
        message = Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"})
        self._deliver_safely(lambda: self.memory.work(message, self.services))

    def _other_worker(self) -> None:
        """Let another worker process an order in the middle of the first one's work."""
        with suppress(Exception), acting_as("PoPostingFunction"):
            services = self.memory.services().bound(self.connection)
            advance_order(services, OrderId(self.rng.choice(list(self.orders))))

    def _deliver(self, one: QueuedMessage) -> None:
        self._deliver_safely(
            lambda: self.memory.queues.deliver(
                one, lambda message: self.memory.work(message, self.services)
            )
        )

    def _deliver_safely(self, deliver: Any) -> None:
        try:
            deliver()
        except (ProcessKilled, ClientError, Conflict):  # the queue delivers it again
            self._new_process()
        if self.rng.random() < 0.1:
            self._new_process()

    def _new_process(self) -> None:
        self.faults.is_dead = False
        self.services = self.memory.services()

    def _calm(self, unsent: list[str]) -> None:
        """Without faults everything finishes by itself; only a lost consent needs a person.

        What ended in the dead-letter queue through faults of AWS is redriven.
        """
        self.memory.queues.waiting += [
            QueuedMessage(message) for message in self.memory.queues.dead
        ]
        self.memory.queues.dead.clear()
        while unsent:
            self._call_webhook(unsent)
        for step in range(_CALM_ROUNDS):
            if Halts(self._ledger).all():
                for site in self.connection.sites:
                    self._consent(site)
                Halts(self._ledger).lift_all()
                self._new_process()
            self.faults.catch_up()
            self._sweep()
            while ready := list(self.memory.queues.ready()):
                for one in ready:
                    self._deliver(one)
            if self._is_finished() and (not self.people or step > _A_SWEEP_LATER):
                return
            # Garbage that looks like an answer is an exception, which is tried again after a day.
            is_late = self.people and step == _A_SWEEP_LATER // 2
            self.clock.move(_DAY if step == _CALM_ROUNDS // 2 else _FOUR_HOURS if is_late else 130)

    @property
    def _ledger(self) -> Ledger:
        return self.services.ledger_of(FIRM)

    def _is_finished(self) -> bool:
        if self.memory.queues.waiting or any(self.services.inbox_of(FIRM).open_events(clock.now())):
            return False
        return not any(self._failure(id) for id in self.orders)

    def _failure(self, id: str) -> str:
        kind, state = kind_of(self.orders[id]), self._record(id).state
        if self.people and kind == "good":
            return self.people.failure(id)
        return "" if state == FINAL[kind] else f"{state} in the end"

    def _record(self, id: str) -> OrderRecord:
        return self._ledger.read(f"order#{id}")  # type: ignore[arg-type]

    # ------------------------------------------------------------ the check

    def _check(self) -> None:
        for id, raw in self.orders.items():
            self._check_order(OrderId(id), kind_of(raw))
        for record in self._ledger.records():
            broken = self._ledger.find_break(record)
            assert broken is None, f"seed {self.seed}: {record.key}: {broken}"
        assert not self.memory.queues.dead, f"seed {self.seed}: {self.memory.queues.dead}"
        forgotten = list(self.services.inbox_of(FIRM).open_events(clock.now()))
        assert not forgotten, f"seed {self.seed}: events still open: {forgotten}"
        codes = [item["Code"] for item in self._belgian.table("logistics/Items").values()]
        assert len(codes) == len(set(codes)), f"seed {self.seed}: items created twice: {codes}"

    @property
    def _belgian(self) -> SimulatedDivision:
        division = self.divisions[1]
        return self.exact_of(division).world.divisions[code_of(division)]

    def _check_order(self, id: OrderId, kind: str) -> None:
        record = self._record(id)
        where = f"seed {self.seed}, {kind} order {id}: {record.state} {record.facts}"
        failure = self._failure(id)
        assert not failure, f"{where}: {failure}"
        if self.people and kind == "good":
            return
        found = [
            order
            for division in self.divisions
            for order in self.exact_of(division).purchase_orders(code_of(division))
            if is_marked_for(order["Remarks"], FIRM, id)
        ]
        assert len(found) == (1 if kind == "good" else 0), f"{where}: {len(found)} in Exact"
        assert record.state == FINAL[kind], where
        steps = [entry.step for entry in self._ledger.trail(record.key)]
        assert steps[0] == "received", f"{where}: {steps}"
        if kind == "good":
            own = self.divisions[self.orders[id]["subsidiary"]["airbase_id"] == "sub-be"]
            code = code_of(own)
            key = found[0]["PurchaseOrderID"]
            assert record.facts.division == own, where
            assert key in self.exact_of(own).world.divisions[code].table(ORDERS_PATH), where
            assert posted_facts(record.facts).exact.id == key, where
            assert steps.count("posted") + steps.count("adopted") == 1, f"{where}: {steps}"
            assert "intent" in steps, f"{where}: {steps}"
