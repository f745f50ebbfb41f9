"""A rehearsal decides a month as posting then does it, and writes nothing."""

import json
from decimal import Decimal
from typing import Any

import pytest

from local.demo.scenario import Scenario
from local.exact_simulator import ExactFault
from local.firm import BE, BRANCHES, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import SimulatedFault
from ml_connector import clock
from ml_connector.domain.ids import Guid, SiteId, VendorId
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.vendor_links import Link
from ml_connector.reference_data.refresh import refresh
from ml_connector.rehearsal.decisions import OrderDecisions
from ml_connector.rehearsal.period import AskedDays
from ml_connector.rehearsal.rehearse import last_rehearsal, rehearse
from ml_connector.rehearsal.rehearsed_orders import RehearsedOrder, Twin
from ml_connector.rehearsal.report import Rehearsal, share_percent, summary, sums
from ml_connector.user_errors import UserError
from tests.month_end.month_stack import MonthStack
from tests.month_end.test_months import at
from tests.person_stack import PERSON, PersonStack
from tests.preview.in_memory_demo import InMemoryDemo
from tests.two_sites import BE_DIVISION, TwoSites

OCTOBER, MONTH = "2026-10-15T10:00:00Z", "2026-10"
_ORDERS = "purchaseorder/PurchaseOrders"


def october(env: InMemoryEnvironment, number: str, amount: str = "100.00", **more: Any) -> Any:
    lines = [env.airbase.line(more.pop("account", "4100"), amount, "As agreed")]
    return env.order(number, lines=lines, **{"approved_date": OCTOBER, **more})


def rehearsed(env: InMemoryEnvironment, month: str = MONTH, **more: Any) -> Rehearsal:
    found = rehearse(PersonStack(env), PERSON, FIRM, AskedDays(month), **more)
    json.dumps(found.as_dict())
    return found


def verdicts(found: Rehearsal) -> dict[str, str]:
    return {each.title: each.verdict for each in found.orders}


def the(found: Rehearsal, title: str) -> RehearsedOrder:
    return next(each for each in found.orders if each.title == title)


def twins_of(found: Rehearsal) -> dict[str, Twin]:
    return {each.title: each.twin for each in found.orders if each.twin}


def type_in(
    env: InMemoryEnvironment, amount: str, *, is_read: bool = True, **more: Any
) -> dict[str, Any]:
    """Enter an order in Exact by hand, and let the worker read it."""
    place = env.exact.world.divisions[NL.division]
    name = more.pop("supplier", "Cloudwerk")
    suppliers, items = place.table("crm/Accounts"), place.table("logistics/Items")
    supplier = next(row["ID"] for row in suppliers.values() if name in row["Name"])
    item = next(row["ID"] for row in items.values() if "4100" in row["Code"])
    line = {"Item": item, "QuantityInPurchaseUnits": 1, "UnitPrice": float(amount)}
    body = {"Supplier": supplier, "OrderDate": "2026-10-16", "PurchaseOrderLines": [line], **more}
    made = env.services_of().exact(NL.key).create(NL.key, _ORDERS, body)
    if is_read:
        refresh(env.services_of(), NL.key, everything=True)
    return made


def written(env: InMemoryEnvironment) -> dict[str, Any]:
    """Return all stored items but the progress, and the audit entries of the connection."""
    return {
        name: {pk: dict(items) for pk, items in table._parts.items() if "#rehearsal" not in pk}
        for name, table in vars(env.memory.tables).items()
    }


def writes(env: InMemoryEnvironment) -> int:
    exact = [call.method for call in env.exact.calls if "oauth2" not in call.path]
    return sum(method != "GET" for method in [*exact, *(c.method for c in env.airbase.calls)])


def orders_read(env: InMemoryEnvironment, since: int) -> list[str]:
    """Return the calls for single orders."""
    paths = [call.path for call in env.airbase.calls[since:]]
    return [path for path in paths if path.strip("/").rpartition("/")[2] in env.airbase.orders]


class TestTheDemo:
    def test_each_order_becomes_what_was_rehearsed(self, env: InMemoryEnvironment) -> None:
        env.connect()
        demo = InMemoryDemo(env)
        scenario = Scenario(demo, lambda _text: None)  # type: ignore[arg-type]
        held, demo.drain = demo.drain, lambda: None  # type: ignore[method-assign]
        for step in (
            scenario.one_order_per_division,
            scenario.many_orders_at_once,
            scenario.orders_with_exceptions,
        ):
            step()
        month = f"{clock.now():%Y-%m}"
        before = env.exact_calls()
        found = rehearsed(env, month=month)
        assert env.exact_calls() == before
        held()
        by_id = {each.id: each for each in found.orders}
        assert by_id.keys() == set(env.airbase.orders) - {o["id"] for o in scenario.not_orders}
        for order in env.airbase.orders.values():
            if order["id"] not in by_id:
                continue
            record, said = env.record(order), by_id[order["id"]]
            assert record.state == said.becomes
            assert [p.code for p in record.problems] == [n.code for n in said.needs]
            if said.action == "post":
                assert record.facts.body == said.body
        assert {e.verdict for e in found.orders} >= {"posts", "needs_vendor", "exception"}

    def test_so_it_is_throughout_the_month(self, env: InMemoryEnvironment) -> None:
        """Rehearsed before the workers see anything of an order; then everything happens to it."""
        env.connect()
        demo = InMemoryDemo(env)
        first: dict[str, RehearsedOrder] = {}
        drain = demo.drain

        def rehearse_and_drain() -> None:
            for each in rehearsed(env, month=f"{clock.now():%Y-%m}").orders:
                if not env.record({"id": each.id}).version:
                    first.setdefault(each.id, each)
            drain()

        demo.drain = rehearse_and_drain  # type: ignore[method-assign]
        scenario = Scenario(demo, lambda _text: None)  # type: ignore[arg-type]
        scenario.play()
        for _ in range(3):  # what waited for a consent goes on
            env.wait(minutes=16)
        assert first.keys() == set(env.airbase.orders) - {o["id"] for o in scenario.not_orders}
        for id, said in first.items():
            trail = env.services.ledger_of(FIRM).trail(env.record({"id": id}).key)
            decided = next(each for each in trail if each.step in {"intent", "review"})
            assert decided.step == {"post": "intent", "review": "review"}[said.action]
            if said.action == "post":
                assert decided.detail["body"] == said.body
            else:
                codes = [each["code"] for each in decided.detail["problems"]]
                assert codes == [each.code for each in said.needs]
        assert {each.action for each in first.values()} == {"post", "review"}


def test_each_site_is_rehearsed_with_its_own_data() -> None:
    env = TwoSites()
    at(env.clock, "2026-11-03T09:00:00+00:00")
    env.connect_both()
    dutch, belgian = env.firm.branches
    october(env, "PO-NL", branch=dutch)
    october(env, "PO-BE", branch=belgian)
    october(env, "PO-BE-9", branch=belgian, account="9999")
    calls = len(env.exact.calls), len(env.belgium.calls)
    found = rehearsed(env)
    assert {each.title: (each.division, each.verdict) for each in found.orders} == {
        "PO-NL": (NL.key, "posts"),
        "PO-BE": (BE_DIVISION, "posts"),
        "PO-BE-9": (BE_DIVISION, "needs_mapping"),
    }
    assert {each.division: each.orders for each in found.calls} == {NL.key: 1, BE_DIVISION: 1}
    assert (len(env.exact.calls), len(env.belgium.calls)) == calls


def test_what_was_just_typed_in_is_seen_once_it_is_read(firm: InMemoryEnvironment) -> None:
    october(firm, "PO-1", "80.00")
    type_in(firm, "80.00", is_read=False)
    assert verdicts(rehearsed(firm)) == {"PO-1": "posts"}
    firm.clock.move(61)
    found = rehearse(MonthStack(firm), PERSON, FIRM, AskedDays(MONTH), is_fresh=True)
    assert verdicts(found) == {"PO-1": "typed_by_hand"}


def test_a_tenant_without_a_call_for_one_order_is_rehearsed_from_its_listing(
    firm: InMemoryEnvironment,
) -> None:
    firm.connect(profile={"order_source": "event", "event_order": "data"})
    october(firm, "PO-1")
    october(firm, "PO-2", account="9999")
    assert verdicts(rehearsed(firm)) == {"PO-1": "posts", "PO-2": "needs_mapping"}


class TestNothingIsWritten:
    def test_only_the_connections_own_record_gets_an_entry(self, firm: InMemoryEnvironment) -> None:
        october(firm, "PO-1")
        october(firm, "PO-2", vendor="Nieuwkomer Catering")
        october(firm, "PO-3", "42.00")
        type_in(firm, "42.00", YourRef="PO-3")
        firm.post(october(firm, "PO-4"))
        before, writes_before, calls = written(firm), writes(firm), firm.exact_calls()
        found = rehearsed(firm)
        assert len(found.orders) == 4
        after = written(firm)
        trail = f"{FIRM}#{CONNECTION}"
        before["audit"].pop(trail, None)
        (entry,) = after["audit"].pop(trail).values()
        assert entry["step"] == "rehearsed"
        for each in (before, after):
            each["ledger"][FIRM].pop(CONNECTION, None)
        assert after == before
        assert (writes(firm), firm.exact_calls()) == (writes_before, calls)

    def test_orders_that_are_in_exact_cost_no_call_either(self, firm: InMemoryEnvironment) -> None:
        """One has changed in Airbase, the outcome of another is not known, one is new there."""
        changed, lost = october(firm, "PO-1"), october(firm, "PO-2", "200.00")
        firm.post(changed)
        firm.exact.faults.append(ExactFault("timeout_after_commit", "POST", _ORDERS))
        firm.post(lost)
        assert firm.record(lost).state == "posting"
        refresh(firm.services_of(), NL.key, everything=True)
        firm.post(october(firm, "PO-3", "300.00"))
        for order in (changed, lost):
            order["expense_list"][0]["amount"] = order["total_amount"] = "123.00"
            order["revision"] = 2
        calls = firm.exact_calls()
        firm.clock.move(600)
        found = rehearsed(firm)
        assert firm.exact_calls() == calls
        actions = {each.title: (each.action, each.verdict) for each in found.orders}
        assert actions["PO-1"] == ("amend", "linked")
        assert actions["PO-2"][1] == "linked"
        assert actions["PO-3"][1] == "linked"

    def test_four_hundred_orders_in_three_divisions_cost_exact_no_call(
        self, firm: InMemoryEnvironment
    ) -> None:
        for at_ in range(400):
            october(firm, f"PO-{at_}", f"{at_ + 1}.00", branch=BRANCHES[at_ % 3])
        before, airbase = firm.exact_calls(), len(firm.airbase.calls)
        found = rehearsed(firm)
        assert set(verdicts(found).values()) == {"posts"}
        assert firm.exact_calls() - before == found.as_dict()["calls"]["exact"] == 0
        assert found.run.airbase_reads == 401
        assert len(firm.airbase.calls) - airbase < 420


class TestCalls:
    """What a rehearsal calls is counted where it is sent, and shown beside what is allowed."""

    @pytest.mark.parametrize("is_interrupted", [False, True])
    def test_every_call_to_exact_is_counted(
        self, firm: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, *, is_interrupted: bool
    ) -> None:
        """As if deciding an order took a call."""
        for at_ in range(3):
            october(firm, f"PO-{at_}")
        original = OrderDecisions.decide

        def calling(self: OrderDecisions, listed: Any, record: Any) -> RehearsedOrder:
            firm.services_of().exact(NL.key).current_user()
            return original(self, listed, record)

        def stop(done: int, _every: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(OrderDecisions, "decide", calling)
        before, read = firm.exact_calls(), len(firm.airbase.calls)
        if is_interrupted:
            with pytest.raises(KeyboardInterrupt):
                rehearsed(firm, progress=stop)
        found = rehearsed(firm)
        calls = firm.exact_calls() - before
        assert calls == 3
        assert found.as_dict()["calls"]["exact"] == calls
        assert last_rehearsal(firm.services_of()).run.exact_calls == calls
        assert "Exact was called 3 times" in next(s for s in summary(found) if "Exact was" in s)
        listings = 2 if is_interrupted else 1
        assert found.run.airbase_reads == len(firm.airbase.calls) - read - listings

    def test_what_workers_read_for_it_is_counted_apart(self, firm: InMemoryEnvironment) -> None:
        october(firm, "PO-1")
        before = firm.exact_calls()
        found = rehearse(MonthStack(firm), PERSON, FIRM, AskedDays(MONTH), is_fresh=True)
        counted = found.as_dict()["calls"]
        assert (counted["exact"], counted["exact_readings"]) == (0, firm.exact_calls() - before)
        assert counted["exact_readings"] > 0

    def test_they_are_shown_beside_the_limits_of_divisions_and_contracts(self) -> None:
        env = TwoSites()
        at(env.clock, "2026-11-03T09:00:00+00:00")
        env.connect_both()
        dutch, belgian = env.firm.branches
        for number, branch, day in (("1", dutch, 15), ("2", dutch, 15), ("3", belgian, 16)):
            october(env, f"PO-{number}", branch=branch, approved_date=f"2026-10-{day}T10:00:00Z")
        calls = rehearsed(env).as_dict()["calls"]
        assert [
            (each["division"], each["busiest_day"], each["busiest_calls"], each["day_limit"],
             each["minute_limit"])
            for each in calls["divisions"]
        ] == [
            (NL.key, "2026-10-15", 2, 5000, 60), (BE_DIVISION, "2026-10-16", 1, 5000, 60),
        ]  # fmt: skip
        shares = {each.site: each.contract.our_calls for each in env.connection().sites}
        assert [
            (each["contract"], each["busiest_calls"], each["day_limit"])
            for each in calls["contracts"]
        ] == [("at nl", 2, shares[SiteId("nl")]), ("at be", 1, shares[SiteId("be")])]


class TestWhatIsNeeded:
    def test_each_order_has_its_verdict(self, firm: InMemoryEnvironment) -> None:
        october(firm, "PO-1")
        october(firm, "PO-2", account="9999")
        october(firm, "PO-3", vendor="Nieuwkomer Catering")
        october(firm, "PO-4", total="7.77")
        october(firm, "PO-5", "55.00")
        type_in(firm, "55.00")
        firm.post(october(firm, "PO-6"))
        october(firm, "PO-7", "70.00", status="closed")
        october(firm, "PO-8", outcome="virtual_card")
        october(firm, "PO-9", status="denied")
        october(firm, "PO-10", approved_date="2026-09-15T10:00:00Z")
        found = rehearsed(firm)
        assert verdicts(found) == {
            "PO-1": "posts",
            "PO-2": "needs_mapping",
            "PO-3": "needs_vendor",
            "PO-4": "exception",
            "PO-5": "typed_by_hand",
            "PO-6": "linked",
            "PO-7": "posts",
        }
        assert {each.title for each in found.untouched} == {"PO-1", "PO-5", "PO-7"}
        assert share_percent(found) == "50.0"
        assert found.has_findings

    def test_the_decisions_that_free_most_come_first(self, firm: InMemoryEnvironment) -> None:
        for at_ in range(3):
            october(firm, f"PO-A{at_}", "10.00", account="9999")
        october(firm, "PO-B", "20.00", vendor="Nieuwkomer Catering")
        october(firm, "PO-C", "40.00", vendor="Nieuwkomer Catering", account="9999")
        october(firm, "PO-D", "80.00", vendor="Nieuwkomer Catering", account="9999", branch=BE)
        first, second, *others = rehearsed(firm).decisions
        assert (first.code, first.division, first.needed_by, first.frees) == (
            "UNKNOWN_GL_ACCOUNT", NL.key, 4, 3,
        )  # fmt: skip
        assert first.freed_sums == {"EUR": Decimal("30.00")}
        assert (second.code, second.needed_by, second.frees) == ("UNKNOWN_VENDOR", 2, 2)
        assert second.freed_sums == {"EUR": Decimal("60.00")}
        assert [each.frees for each in others] == [0, 1]
        assert others[1].freed_sums == {"EUR": Decimal("80.00")}

    def test_currencies_are_never_added_up(self, firm: InMemoryEnvironment) -> None:
        config = firm.config(other_currencies=["USD"])
        firm.connect(divisions=config["divisions"])
        october(firm, "PO-1", "10.00")
        october(firm, "PO-2", "20.00", currency="USD")
        found = rehearsed(firm)
        assert sums(found.untouched) == {"EUR": Decimal("10.00"), "USD": Decimal("20.00")}


class TestTypedByHand:
    def test_number_supplier_amount_or_date_may_differ(self, firm: InMemoryEnvironment) -> None:
        october(firm, "PO-1", "100.00")
        october(firm, "PO-2", "200.00")
        october(firm, "PO-3", "300.00")
        numbers = [
            type_in(firm, "100.00", YourRef="po-1")["OrderNumber"],
            type_in(firm, "210.00", Description="As in PO-2, by mail")["OrderNumber"],
            type_in(firm, "300.00", YourRef="see mail")["OrderNumber"],
        ]
        type_in(firm, "999.00", YourRef="bought by phone")
        found = rehearsed(firm)
        twins = twins_of(found)
        assert [twins[t].number for t in ("PO-1", "PO-2", "PO-3")] == [str(n) for n in numbers]
        assert twins["PO-1"].matched_by == ("number", "supplier", "amount")
        assert twins["PO-2"].matched_by == ("number", "supplier")
        assert twins["PO-3"].matched_by == ("supplier", "amount")
        price = {"where": "line 1", "field": "UnitPrice", "expected": "200", "found": "210"}
        assert price in twins["PO-2"].differences
        assert ("", "OrderDate") in {(d["where"], d["field"]) for d in twins["PO-1"].differences}
        (left,) = found.only_in_exact
        assert (left.reference, left.amount) == ("bought by phone", Decimal("999.00"))
        assert {each.field: each.orders for each in found.typed_differences}["OrderDate"] == 3

    def test_an_order_that_cannot_be_mapped_is_paired_by_name(
        self, firm: InMemoryEnvironment
    ) -> None:
        firm.exact.add_supplier(NL.division, "Nieuwkomer Catering", code="191")
        firm.exact.add_supplier(
            NL.division, "Nieuwkomer Catering", code="192"
        )  # so no link is made
        refresh(firm.services_of(), NL.key, everything=True)
        october(firm, "PO-1", "80.00", vendor="Nieuwkomer Catering", account="9999")
        type_in(firm, "80.00", supplier="Nieuwkomer Catering")
        order = the(rehearsed(firm), "PO-1")
        assert order.verdict == "typed_by_hand"
        assert not order.goes_through
        assert {each.code for each in order.needs} >= {"UNKNOWN_GL_ACCOUNT"}
        assert order.twin is not None
        assert order.twin.matched_by == ("supplier", "amount")

    def test_two_that_fit_equally_are_not_sure(self, firm: InMemoryEnvironment) -> None:
        october(firm, "PO-1", "80.00")
        october(firm, "PO-2", "90.00")
        type_in(firm, "80.00")
        type_in(firm, "80.00")
        type_in(firm, "90.00")
        twins = twins_of(rehearsed(firm))
        assert [twins[title].is_sure for title in ("PO-1", "PO-2")] == [False, True]

    def test_equal_orders_of_other_months_are_other_orders(self, firm: InMemoryEnvironment) -> None:
        october(firm, "PO-1", "80.00")
        october(firm, "PO-2", "90.00", approved_date="2026-10-30T10:00:00Z")
        type_in(firm, "80.00", OrderDate="2026-08-20")
        type_in(firm, "90.00", OrderDate="2026-09-10")
        found = rehearsed(firm)
        assert twins_of(found) == {}
        # Posting itself asks about what is in a neighbouring month.
        assert verdicts(found) == {"PO-1": "posts", "PO-2": "exception"}
        assert [each.code for each in the(found, "PO-2").needs] == ["POSSIBLE_DUPLICATE"]


class TestResuming:
    def test_an_interrupted_run_goes_on(self, firm: InMemoryEnvironment) -> None:
        for at_ in range(4):
            october(firm, f"PO-{at_}", f"{at_ + 1}.00", approved_date=f"2026-10-1{at_}T10:00:00Z")
        seen: list[int] = []

        def stop(done: int, _every: int) -> None:
            seen.append(done)
            if done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rehearsed(firm, progress=stop)
        with pytest.raises(UserError, match="no rehearsal"):
            last_rehearsal(firm.services_of())
        before = len(firm.airbase.calls)
        found = rehearsed(firm)
        assert len(orders_read(firm, before)) == 2
        assert set(verdicts(found)) == {"PO-0", "PO-1", "PO-2", "PO-3"}
        assert last_rehearsal(firm.services_of()).orders == found.orders
        assert last_rehearsal(firm.services_of(), MONTH).run == found.run

    def test_the_latest_orders_are_decided_first(self, firm: InMemoryEnvironment) -> None:
        october(firm, "PO-OLD", approved_date="2026-10-02T10:00:00Z")
        october(firm, "PO-NEW", approved_date="2026-10-30T10:00:00Z")
        decided: list[str] = []
        original = OrderDecisions.decide

        def noting(self: OrderDecisions, listed: Any, record: Any) -> RehearsedOrder:
            decided.append(listed.title)
            return original(self, listed, record)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(OrderDecisions, "decide", noting)
            rehearsed(firm)
        assert decided == ["PO-NEW", "PO-OLD"]

    def test_what_an_order_needed_is_asked_again_after_a_while(
        self, firm: InMemoryEnvironment
    ) -> None:
        """The first was decided before its vendor was linked; the run ends after that."""
        october(firm, "PO-2", vendor="Nieuwkomer Catering", approved_date="2026-10-16T10:00:00Z")
        october(firm, "PO-1")

        def stop(done: int, _every: int) -> None:
            if done == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rehearsed(firm, progress=stop)
        supplier = firm.exact.add_supplier(NL.division, "Catering", code="390")
        firm.clock.move(15 * 60)
        refresh(firm.services_of(), NL.key, everything=True)
        vendor = VendorId(firm.firm.vendors["Nieuwkomer Catering"]["id"])
        firm.services_of().vendor_links.save(Link(NL.key, vendor, Guid(supplier), "test"))
        assert verdicts(rehearsed(firm)) == {"PO-1": "posts", "PO-2": "posts"}

    def test_a_finished_run_is_followed_by_a_new_one(self, firm: InMemoryEnvironment) -> None:
        order = october(firm, "PO-1", account="9999")
        assert verdicts(rehearsed(firm)) == {"PO-1": "needs_mapping"}
        order["expense_list"] = [{"line_number": 1} | firm.airbase.line("4100", "100.00")]
        assert verdicts(rehearsed(firm)) == {"PO-1": "posts"}

    def test_what_airbase_did_not_answer_is_decided_by_the_next(
        self, firm: InMemoryEnvironment
    ) -> None:
        october(firm, "PO-1")
        october(firm, "PO-2", vendor="Expo Partners")
        vendor = firm.firm.vendors["Expo Partners"]["id"]
        away = SimulatedFault("unavailable")
        firm.airbase.on_call = lambda request: away if vendor in request.path else None
        found = rehearsed(firm)
        assert verdicts(found) == {"PO-1": "posts", "PO-2": "undecided"}
        assert not found.is_whole
        firm.airbase.on_call = None
        firm.clock.move(3600)
        calls = len(firm.airbase.calls)
        found = rehearsed(firm)
        assert verdicts(found) == {"PO-1": "posts", "PO-2": "posts"}
        assert found.is_whole
        assert len(orders_read(firm, calls)) == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (AskedDays(), "either --month, or --from"),
        (AskedDays("2026-10", "2026-10-01"), "either --month, or --from"),
        (AskedDays("2027-01"), "has not begun yet"),
        (AskedDays(first="2026-10-05", last="2026-10-01"), "is later than"),
        (AskedDays(first="1.10.2026"), "is not a day"),
        (AskedDays(first="2025-01-01", last="2026-10-01"), "longer than 366 days"),
        (AskedDays(last="2026-10-01"), "either --month, or --from"),
    ],
)
def test_days_that_make_no_sense(firm: InMemoryEnvironment, asked: AskedDays, message: str) -> None:
    with pytest.raises(UserError, match=message):
        rehearse(PersonStack(firm), PERSON, FIRM, asked)
