"""One seeded history: orders, webhooks, workers, clocks and faults in a random order.

`History(seed).run()` plays it and raises `AssertionError` naming the seed when an invariant
broke; the same seed always plays the same history.
"""

import json
import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx

from local.exact_simulator import ExactSimulator
from local.miniature import Hosts, Miniature, Waiting
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.inbox import Arrival, Inbox
from ml_connector.doors.ledger import Ledger, Record
from ml_connector.doors.mappings import Mappings
from ml_connector.doors.queues import PURCHASE_ORDERS, Message
from ml_connector.exact.oauth import Tokens
from ml_connector.ids import ConnectionId, Division, OrderId
from ml_connector.purchase_orders.marker import marks
from ml_connector.secret import Secret
from ml_connector.workflows.messages import refresh_message
from ml_connector.workflows.posting import advance
from ml_connector.workflows.wiring import Tables
from tests.histories.fate import (
    Fate,
    Killed,
    ShakyQueues,
    ShakyTable,
    ShakyTransport,
    ShakyVault,
)

NL, BE = Division(101), Division(102)
FIRM = ConnectionId("firm")
_START = 1_790_000_000.0
_CALM_ROUNDS = 80
_DAY = 86_500
_SHARES = (0.005, 0.015, 0.05)  # of all calls go wrong

CONNECTION = Connection.model_validate(
    {
        "id": FIRM,
        "exact_base_url": "https://exact.test",
        "airbase_base_url": "https://airbase.test",
        "divisions": [
            {"division": NL, "subsidiaries": ["sub-nl"], "link_supplier_items": True},
            {
                "division": BE,
                "subsidiaries": ["sub-be"],
                "create_items": True,
                "item_unit": "pc",
            },
        ],
    }
)

VENDORS = {
    id: {"airbase_id": id, "erp_reference_id": code, "name": name, "is_active": True}
    for id, code, name in (("v-known", "7", "Papier"), ("v-unknown", "", "Zorendis"))
}


class History:
    """Plays one seed."""

    def __init__(self, seed: int) -> None:
        """Prepare the world of this seed: a mild, a rough or a wild one."""
        self.seed = seed
        self.rng = random.Random(seed)
        self.clock = clock.MovableClock(_START + self.rng.randrange(86_400))
        clock.read_from(self.clock)
        self.fate = Fate(random.Random(seed + 1), _SHARES[seed % len(_SHARES)])
        self.exact = ExactSimulator(clock=self.clock, rng=random.Random(seed + 2))
        self.orders: dict[str, dict[str, Any]] = {}
        self.mini = self._miniature()
        self.doors = self.mini.doors()
        self._furnish()

    # ------------------------------------------------------------ the world

    def _miniature(self) -> Miniature:
        airbase = httpx.MockTransport(self._airbase)
        hosts = Hosts({"exact.test": self.exact.transport(), "airbase.test": airbase})
        tables = Tables(*(ShakyTable(n, self.fate) for n in Tables.__dataclass_fields__))
        transport = ShakyTransport(hosts, self.fate)
        return Miniature(transport, tables, ShakyQueues(self.fate), ShakyVault(self.fate))

    def _airbase(self, request: httpx.Request) -> httpx.Response:
        id = request.url.path.rstrip("/").rpartition("/")[2]
        if id == "vendors":
            return httpx.Response(200, json={"data": list(VENDORS.values()), "pagination": {}})
        if "vendors" in request.url.path:
            return httpx.Response(200, json=VENDORS[id])
        return httpx.Response(200, json=self.orders[id])

    def _furnish(self) -> None:
        for code, country in ((NL, "NL"), (BE, "BE")):
            self.exact.add_division(code, country, requires_supplier_items=code == NL)
            self.exact.add_supplier(code, "Papier BV", code="7")
            gl_account = self.exact.add_gl_account(code, "4406", "Office")
            if code == NL:
                self.exact.add_item(code, "C4406", "Office", gl_account)
        self.mini.vault.store("airbase-key", FIRM, {"api_key": "key-of-the-history"})
        app = {
            "client_id": self.exact.client_id,
            "client_secret": self.exact.client_secret,
        }
        self.mini.vault.store("exact-app", FIRM, app)
        self._consent()
        Mappings(self.mini.tables.mappings).save(CONNECTION)
        for division in CONNECTION.divisions:
            self.mini.queues.send(refresh_message(FIRM, division.division))

    def _consent(self) -> None:
        given = self.exact.issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        self.mini.vault.seal_tokens(FIRM, Tokens(*pair, clock.now()).to_json())

    def _write_orders(self) -> None:
        kinds = ("good", "good", "good", "good", "unknown vendor", "card", "bad total")
        for number in range(self.rng.randint(1, 4)):
            kind = self.rng.choice(kinds)
            self.orders[f"o{number}"] = _order(f"o{number}", kind, self.rng)

    # ------------------------------------------------------------ the play

    def run(self) -> None:
        """Play chaos, then calm, then look at what is left."""
        self._write_orders()
        self.mini.drain(self.doors)
        unsent = [id for id in self.orders for _ in range(self.rng.randint(1, 3))]
        self.rng.shuffle(unsent)
        self.fate.is_on = True
        self.fate.meanwhile = self._other_worker
        for _ in range(self.rng.randint(20, 60)):
            self._act(unsent)
        self.fate.is_on = False
        self._calm(unsent)
        self._judge()

    def _act(self, unsent: list[str]) -> None:
        self.fate.catch_up()
        action = self.rng.choice(
            ("webhook", "webhook", "work", "work", "work", "sweep", "sweep", "wait")
        )
        if action == "webhook" and unsent:
            self._call_webhook(unsent)
        elif action == "work":
            if ready := list(self.mini.queues.ready()):
                self._deliver(self.rng.choice(ready))
        elif action == "sweep":
            self._sweep()
        else:
            self.clock.move(self.rng.choice((1, 5, 20, 61, 125, 400, 620)))

    def _call_webhook(self, unsent: list[str]) -> None:
        """The sender repeats a call that was not answered with 2xx."""
        id = unsent[-1]
        try:
            self._receive(id)
        except (Killed, Exception):  # noqa: BLE001  whatever it was, no 2xx
            self._new_process()
            return
        unsent.pop()

    def _receive(self, id: str) -> None:
        inbox = Inbox(self.mini.tables.inbox)
        arrival = Arrival(
            connection=FIRM,
            source="airbase",
            key=f"event-{id}-{self.rng.randint(1, 2)}",
            queue=PURCHASE_ORDERS,
            group=id,
            message={"kind": "order", "order": id},
            body=json.dumps({"data": {"id": id}}).encode(),
            headers={},
        )
        kept, _ = inbox.keep(arrival)
        if kept.is_open and self.rng.random() < 0.9:  # else: kept, and the queue was not told
            self.mini.queues.send(kept.message, once=kept.once)

    def _sweep(self) -> None:
        message = Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"})
        self._deliver_safely(lambda: self.mini.work(message, self.doors))

    def _other_worker(self) -> None:
        """Another worker takes an order while the first one is in the middle of its work."""
        with suppress(Exception):
            advance(self.mini.doors(), FIRM, OrderId(self.rng.choice(list(self.orders))))

    def _deliver(self, one: Waiting) -> None:
        self._deliver_safely(
            lambda: self.mini.queues.deliver(one, lambda _: self.mini.work(one.message, self.doors))
        )

    def _deliver_safely(self, deliver: Any) -> None:
        try:
            deliver()
        except (Killed, Exception):  # noqa: BLE001  the queue delivers it again
            self._new_process()
        if self.rng.random() < 0.1:
            self._new_process()

    def _new_process(self) -> None:
        self.fate.is_dead = False
        self.doors = self.mini.doors()

    def _calm(self, unsent: list[str]) -> None:
        """Without faults everything ends by itself; only a lost consent needs a person."""
        while unsent:
            self._call_webhook(unsent)
        for step in range(_CALM_ROUNDS):
            if self._ledger.halted(FIRM):
                self._consent()
                self._ledger.clear_halt(FIRM)
                self._new_process()
            self.fate.catch_up()
            self._sweep()
            for one in list(self.mini.queues.ready()):
                self._deliver(one)
            if self._is_over():
                return
            # Garbage that reads like an answer is an exception, which is tried again after a day.
            self.clock.move(_DAY if step == _CALM_ROUNDS // 2 else 130)

    @property
    def _ledger(self) -> Ledger:
        return self.doors.ledger

    def _is_over(self) -> bool:
        if self.mini.queues.waiting or any(self.doors.inbox.open_events(FIRM, clock.now())):
            return False
        return all(self._record(id).state == _FINAL[_kind(raw)] for id, raw in self.orders.items())

    def _record(self, id: str) -> Record:
        return self._ledger.read(FIRM, f"order#{id}")  # type: ignore[arg-type]

    # ------------------------------------------------------------ the judgement

    def _judge(self) -> None:
        for id, raw in self.orders.items():
            self._judge_order(OrderId(id), _kind(raw))
        for record in self._ledger.records(FIRM):
            broken = self._ledger.find_break(record)
            assert broken is None, f"seed {self.seed}: {record.key}: {broken}"
        forgotten = list(self.doors.inbox.open_events(FIRM, clock.now()))
        assert not forgotten, f"seed {self.seed}: events still open: {forgotten}"
        codes = [
            item["Code"]
            for item in self.exact.world.divisions[BE].table("logistics/Items").values()
        ]
        assert len(codes) == len(set(codes)), f"seed {self.seed}: items made twice: {codes}"

    def _judge_order(self, id: OrderId, kind: str) -> None:
        record = self._record(id)
        where = f"seed {self.seed}, {kind} order {id}: {record.state} {record.facts}"
        found = [
            order
            for division in (NL, BE)
            for order in self.exact.purchase_orders(division)
            if marks(order["Remarks"], FIRM, id)
        ]
        assert len(found) == (1 if kind == "good" else 0), f"{where}: {len(found)} in Exact"
        assert record.state == _FINAL[kind], where
        steps = [entry.step for entry in self._ledger.trail(FIRM, record.key)]
        assert steps[0] == "received", f"{where}: {steps}"
        if kind == "good":
            assert record.facts["exact"]["id"] == found[0]["PurchaseOrderID"], where
            assert steps.count("posted") + steps.count("adopted") == 1, f"{where}: {steps}"
            assert "intent" in steps, f"{where}: {steps}"


_FINAL = {
    "good": "posted", "unknown vendor": "review", "bad total": "review", "card": "not_an_order"
}  # fmt: skip


def _kind(raw: Mapping[str, Any]) -> str:
    return str(raw["kind"])


def _order(id: str, kind: str, rng: random.Random) -> dict[str, Any]:
    amounts = [f"{rng.randint(1, 99_999) / 100:.2f}" for _ in range(rng.randint(1, 3))]
    total = sum(round(float(amount) * 100) for amount in amounts) + (kind == "bad total")
    return {
        "kind": kind,
        "id": id,
        "number": f"PO-{rng.choice((id, 'same'))}",  # numbers need not be unique
        "status": "approved",
        "outcome": "virtual_card" if kind == "card" else "purchase_order",
        "subsidiary": {"airbase_id": rng.choice(("sub-nl", "sub-be"))},
        "vendor": {"airbase_id": "v-unknown" if kind == "unknown vendor" else "v-known"},
        "currency": {"iso_code": "EUR"},
        "total_amount": f"{total / 100:.2f}",
        "expense_list": [
            {"account": {"account_number": "4406"}, "amount": amount} for amount in amounts
        ],
    }
