"""One seeded history in which a remote's answers are spoilt, for a while or for good.

`HostileHistory(seed).run()` plays it and raises `AssertionError` with the seed and its faults when
something does not hold; the same seed always plays the same history. One seed in so many has two
Exact sites whose divisions have equal codes.
"""

import json
import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from local.firm import ABROAD, BE, NL, Branch
from local.in_memory.environment import FIRM, InMemoryEnvironment, host_of
from local.in_memory.stack import Hosts
from local.simulator import Handler, HandlerTransport, Request, Response
from ml_connector import clock
from ml_connector.domain.ids import OrderId, SiteId
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.infrastructure.halts import Halts
from ml_connector.sweep.outages import read_outages
from tests.hostile_remote.mangling import ALL_KINDS, Fault

_HOUR, _DAY = 3600.0, 86_400.0
_UNTIL = 2 * _DAY + 6 * _HOUR
"""Two days after a fault's start, and what a sweep and a daily retry may still need."""
_FOR_GOOD = 10 * _DAY
_BRANCHES = (NL, BE)
_TWO_SITES = ABROAD[:2]
"""The Belgian division at a site of its own, with the code of the Dutch one."""
_TWO_SITES_EVERY = 5
_SHORTEST, _LONGEST = 60.0, 4 * _HOUR
_MOST_SHORT, _LONGER = 150, 900.0  # what comes every minute for days is played every 15 minutes
_MOST_WRITES = 12
"""Writes of one record within a day without an answer that moves it on."""
_MOST_CALLS = 700
"""Calls within a day to one division: one every two minutes, of 5,000 that Exact allows."""
_MOST_TOKEN_CALLS = 190

EXACT_PATHS = (
    "", "", "oauth2/token", "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines",
    "sync/", "sync/PurchaseOrder", "sync/CRM/Accounts", "sync/Financial/GLAccounts",
    "sync/Logistics/Items", "vat/VATCodes", "hrm/Costcenters", "logistics/Items",
    "system/Divisions", f"/{BE.division}/",
)  # fmt: skip
AIRBASE_PATHS = ("", "purchase_orders", "vendors")


class HostileHistory:
    """Plays one seed."""

    def __init__(self, seed: int) -> None:
        """Prepare both systems, and the faults of this seed."""
        self.seed = seed
        self.rng = random.Random(seed)
        self.branches = _TWO_SITES if seed % _TWO_SITES_EVERY == 1 else _BRANCHES
        self.env = InMemoryEnvironment(self.branches)
        filters = self.rng.random() < 0.7
        for exact in self.env.sites.values():
            exact.policy.your_ref_filter = filters
        self.env.connect()
        self.started = self.env.clock()
        self.faults = [self._fault() for _ in range(self.rng.choice((1, 1, 1, 2, 3)))]
        self.orders: list[dict[str, Any]] = []
        self.crashes: list[str] = []
        self.rounds = 0
        self.calls: Counter[tuple[int, SiteId, str]] = Counter()
        self.writes: dict[tuple[int, str], int] = defaultdict(int)
        self._route()

    def _fault(self) -> Fault:
        rng = self.rng
        system = rng.choice(("exact", "exact", "exact", "airbase"))
        starts = self.started + rng.choice((0, 0, 0.5, 5)) * _HOUR
        lasts = rng.choice((0.2 * _HOUR, 3 * _HOUR, 20 * _HOUR, _FOR_GOOD, _FOR_GOOD))
        return Fault(
            kind=rng.choice(ALL_KINDS),
            system=system,
            path=rng.choice(EXACT_PATHS if system == "exact" else AIRBASE_PATHS),
            method=rng.choice(("", "", "GET", "POST", "PUT")),
            starts=starts,
            ends=starts + lasts,
            share=rng.choice((1.0, 1.0, 0.5)),
            rng=random.Random(rng.random()),
            site=self._site() if system == "exact" else None,
        )

    def _site(self) -> SiteId | None:
        """Return the site whose answers are spoilt; None for every site's."""
        sites = [SiteId(site) for site in self.env.sites]
        return self.rng.choice((None, *sites, *sites)) if len(sites) > 1 else None

    def _route(self) -> None:
        routes = {
            host_of(site): HandlerTransport(self._spoilt("exact", exact.handle, SiteId(site)))
            for site, exact in self.env.sites.items()
        }
        airbase = HandlerTransport(self._spoilt("airbase", self.env.airbase.handle))
        self.env.memory.transport = Hosts({**routes, "airbase.test": airbase})
        self.env.services = self.env.memory.services()

    def _spoilt(self, system: str, handle: Handler, site: SiteId | None = None) -> Handler:
        def answer(request: Request) -> Response:
            if site:
                self._count(site, request)
            for fault in self.faults:
                if fault.concerns(system, request, self.env.clock(), site):
                    return fault.answer(lambda: handle(request))
            return handle(request)

        return answer

    def _count(self, site: SiteId, request: Request) -> None:
        day = int((self.env.clock() - self.started) // _DAY)
        part = request.path.split("/")[3:4]
        where = "token" if "oauth2" in request.path else "".join(part)
        self.calls[day, site, where] += 1
        if request.method != "GET" and "oauth2" not in request.path:
            self.writes[day, _record_of(request)] += 1

    # ------------------------------------------------------------ the history

    def run(self) -> None:
        """Play until two days after the last fault began, then check."""
        approvals = sorted(self.rng.uniform(0, 6 * _HOUR) for _ in range(self.rng.randint(2, 4)))
        ends = max(fault.starts for fault in self.faults) + _UNTIL
        while (now := self.env.clock()) < ends:
            while approvals and self.started + approvals[0] <= now:
                approvals.pop(0)
                self._approve()
            upcoming = [self.started + each for each in approvals[:1]]
            self._jump(min([self._next_due(), ends, *upcoming]))
        self._check()

    def _approve(self) -> None:
        branch = self.rng.choice(self.branches)
        amount = f"{self.rng.randint(100, 9_999)}.{self.rng.randint(10, 99)}"
        line = self.env.airbase.line("4100", amount, "Licences")
        order = self.env.order(f"PO-{len(self.orders)}", branch, lines=[line])
        self.orders.append(order | {"branch": branch})
        self.env.queue(order)
        self._work()

    def _next_due(self) -> float:
        """Return the next moment at which the connector has something to do, as far as it says."""
        services = self.env.services_of(FIRM)
        first = next(services.ledger.due(datetime.max.replace(tzinfo=clock.now().tzinfo)), None)
        moments = [first.due_at] if first and first.due_at else []
        outages = read_outages(services)
        moments += [each.outage.probe_at for each in outages if each.outage.probe_at]
        if Halts(services.ledger).all():
            moments.append(clock.now() + timedelta(minutes=15))
        queued = (one.visible_at for one in self.env.memory.queues.waiting)
        return min([*(each.timestamp() for each in moments), *queued, self.env.clock() + _LONGEST])

    def _jump(self, to: float) -> None:
        self.rounds += 1
        shortest = _SHORTEST if self.rounds < _MOST_SHORT else _LONGER
        self.env.clock.move(min(max(to - self.env.clock() + 1, shortest), _LONGEST))
        try:
            self.env.wait(seconds=0)
        except Exception as error:  # noqa: BLE001  a worker's crash, as in Lambda
            self._note_crash(error)
        self._work()

    def _work(self) -> None:
        """Deliver what is ready; a crashed message is delivered again later."""
        queues, services = self.env.memory.queues, self.env.services
        for one in iter(lambda: next(queues.ready(), None), None):
            try:
                queues.deliver(one, lambda message: self.env.memory.work(message, services))
            except Exception as error:  # noqa: BLE001  a worker's crash, as in Lambda
                self._note_crash(error)

    def _note_crash(self, error: Exception) -> None:
        self.crashes.append(f"{type(error).__name__}: {error}"[:200])

    # ------------------------------------------------------------ what holds

    def _check(self) -> None:
        broken = [*self._silent_orders(), *self._duplicates(), *self._spent(), *self.crashes[:3]]
        broken += self._of_another_site()
        if broken:
            faults = "; ".join(map(str, self.faults))
            raise AssertionError(f"seed {self.seed} ({faults}): {'; '.join(broken)}")

    def _silent_orders(self) -> list[str]:
        """Return the orders that are not posted, and that no exception names."""
        connection = self.env.services.ledger_of(FIRM).connection()
        if connection.facts.all_problems:
            return []
        found = []
        for order in self.orders:
            record = self.env.record(order)
            if record.state != "posted" and not record.problems:
                found.append(f"{order['id']} is {record.state}, waits for {record.facts.waiting}")
        return found

    def _of_another_site(self) -> list[str]:
        """Return the orders that are not posted although no answer to their site was spoilt."""
        spoilt = {fault.site for fault in self.faults}
        if None in spoilt:
            return []
        found = []
        for order in self.orders:
            record = self.env.record(order)
            if order["branch"].site not in spoilt and record.state != "posted":
                codes = self.env.codes(order)
                found.append(f"{order['id']} of another site is {record.state}, {codes}")
        return found

    def _duplicates(self) -> list[str]:
        found = []
        for order in self.orders:
            branch: Branch = order["branch"]
            rows = self.env.in_exact(branch)
            id = OrderId(order["id"])
            ours = [row for row in rows if is_marked_for(row.get("Remarks"), FIRM, id)]
            if len(ours) > 1:
                found.append(f"{order['id']} is in Exact {len(ours)} times")
            elif not ours and self.env.record(order).state == "posted":
                found.append(f"{order['id']} is not in Exact, and called posted")
        return found

    def _spent(self) -> list[str]:
        found = [
            f"{count} calls on day {day} to {site} {where}"
            for (day, site, where), count in self.calls.items()
            if count > (_MOST_TOKEN_CALLS if where == "token" else _MOST_CALLS)
        ]
        return found + [
            f"{count} writes on day {day} of {record}"
            for (day, record), count in self.writes.items()
            if count > _MOST_WRITES
        ]


def _record_of(request: Request) -> str:
    """Return what a write is about: the order's number, else the address."""
    try:
        body = json.loads(request.body)
    except ValueError:
        return request.path
    return str(body.get("YourRef") or body.get("Code") or body.get("Name") or request.path)
