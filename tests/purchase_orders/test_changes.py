"""Changes of a posted order on either side: the order of events does not matter."""

from decimal import Decimal
from typing import Any, Literal

import pytest

from local.exact_simulator import ExactFault
from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.infrastructure.queues import VENDORS, Message
from ml_connector.settings.connection import Connection

FaultKind = Literal["timeout_after_commit", "timeout_before_commit"]
_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"


def posted(env: InMemoryEnvironment, *amounts: str) -> dict[str, Any]:
    """Return a posted order with one line per amount."""
    lines = [env.airbase.line("4100", amount, f"Part {amount}") for amount in amounts]
    order = env.order(lines=lines or [env.airbase.line("4100", "1250.00", "Licences")])
    assert env.post(order).state == "posted"
    return order


def amend(env: InMemoryEnvironment, order: dict[str, Any], *amounts: str) -> None:
    """Approve other lines, and let the worker process the order."""
    order["expense_list"] = [env.airbase.line("4100", a, f"Part {a}") for a in amounts]
    order["total_amount"] = str(sum(map(Decimal, amounts)))
    env.post(order)


def amounts_in_exact(env: InMemoryEnvironment) -> list[float]:
    (order,) = env.in_exact()
    return [line["UnitPrice"] for line in order["lines"]]


def exact_id(env: InMemoryEnvironment) -> str:
    return str(env.in_exact()[0]["PurchaseOrderID"])


def cancelled(env: InMemoryEnvironment, order: dict[str, Any]) -> str:
    order["status"] = "cancelled"
    return env.post(order).state


class TestAmended:
    def test_the_header_is_changed_in_exact(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env)
        order["notes"] = "For the new office"
        assert env.post(order).state == "posted"
        assert env.in_exact()[0]["Description"] == "For the new office"
        assert env.steps(order)[-2:] == ["amendment_intent", "amended"]
        assert env.codes(order) == []

    @pytest.mark.parametrize("nested", [False, True])
    def test_a_line_is_changed_in_the_way_exact_accepts(
        self, env: InMemoryEnvironment, nested: bool
    ) -> None:
        env.exact.policy.nested_line_updates = nested
        env.exact.policy.line_updates = not nested
        env.connect()
        order = posted(env, "100.00", "200.00")
        amend(env, order, "100.00", "250.00")
        assert amounts_in_exact(env) == [100.0, 250.0]
        assert env.record(order).facts.total == "EUR 350.00"

    def test_the_way_exact_accepted_is_remembered(self, env: InMemoryEnvironment) -> None:
        env.exact.policy.nested_line_updates = True
        env.exact.policy.line_updates = False
        env.connect()
        for number in ("PO-1", "PO-2"):
            lines = [env.airbase.line("4100", "100.00")]
            order = env.order(number, lines=lines)
            env.post(order)
            before = len([c for c in env.exact.calls if c.status == 500])
            order["expense_list"][0]["amount"] = order["total_amount"] = "150.00"
            env.post(order)
            refused = len([c for c in env.exact.calls if c.status == 500]) - before
            assert refused == (1 if number == "PO-1" else 0)

    def test_lines_are_added_and_removed(self, env: InMemoryEnvironment) -> None:
        env.exact.policy.nested_line_updates = True
        env.connect()
        order = posted(env, "100.00")
        amend(env, order, "100.00", "50.00")
        assert amounts_in_exact(env) == [100.0, 50.0]
        amend(env, order, "50.00")
        assert amounts_in_exact(env) == [50.0]
        assert env.codes(order) == []

    def test_a_change_that_exact_refuses_is_an_exception_with_its_words(
        self, env: InMemoryEnvironment
    ) -> None:
        env.exact.policy.line_updates = False
        env.connect()
        order = posted(env, "100.00")
        amend(env, order, "150.00")
        assert env.record(order).state == "posted"
        assert set(env.codes(order)) == {"EXACT_REFUSED"}
        assert amounts_in_exact(env) == [100.0]
        env.exact.policy.line_updates = True
        env.wait(days=1, minutes=1)
        assert amounts_in_exact(env) == [150.0]
        assert env.codes(order) == []

    def test_a_repeated_event_of_an_amended_order_makes_no_call_to_exact(
        self, env: InMemoryEnvironment
    ) -> None:
        env.connect()
        order = posted(env, "100.00")
        amend(env, order, "150.00")
        before = env.exact_calls()
        env.clock.move(400)
        env.post(order)
        assert env.exact_calls() == before

    def test_once_received_nothing_is_overwritten(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env, "100.00")
        env.exact.receive(NL.division, exact_id(env))
        amend(env, order, "150.00")
        assert env.codes(order) == ["CHANGED_AFTER_RECEIPT"]
        (problem,) = env.record(order).problems
        assert {"where": "line 1", "field": "UnitPrice", "expected": "150", "found": "100"} in (
            problem.evidence["differences"]
        )
        assert amounts_in_exact(env) == [100.0]
        amend(env, order, "100.00")
        assert env.codes(order) == [], "taken back in Airbase: nothing is left to settle"

    def test_the_last_approval_stays_in_exact_during_a_new_round(
        self, env: InMemoryEnvironment
    ) -> None:
        env.connect()
        order = posted(env, "100.00")
        order["status"] = "pending"
        amend(env, order, "150.00")
        assert amounts_in_exact(env) == [100.0]
        order["status"] = "approved"
        amend(env, order, "150.00")
        assert amounts_in_exact(env) == [150.0]

    def test_the_order_waits_for_an_unknown_vendor(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env, "100.00")
        new = env.firm.vendors["Nieuwkomer Catering"]
        order["vendor"] = {"airbase_id": new["id"], "name": new["name"]}
        env.post(order)
        assert env.codes(order) == ["UNKNOWN_VENDOR"]
        supplier = env.exact.add_supplier(NL.division, new["name"], code="777")
        new["erp_reference_id"] = "777"
        env.wait(hours=4, minutes=1)
        env.memory.work(Message(VENDORS, "all", {"kind": "reconcile"}), env.services)
        env.work()
        assert env.codes(order) == []
        assert env.in_exact()[0]["Supplier"] == supplier

    def test_a_move_to_another_division_is_an_exception(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env, "100.00")
        order["subsidiary"] = {"airbase_id": BE.subsidiary, "name": BE.name}
        env.post(order)
        assert env.codes(order) == ["DIVISION_CHANGED"]
        assert (len(env.in_exact(NL)), len(env.in_exact(BE))) == (1, 0)

    @pytest.mark.parametrize("kind", ["timeout_after_commit", "timeout_before_commit"])
    @pytest.mark.parametrize("path", [_ORDERS, _LINES])
    def test_a_lost_answer_is_resolved_by_reading_exact(
        self, env: InMemoryEnvironment, kind: FaultKind, path: str
    ) -> None:
        env.connect()
        order = posted(env, "100.00", "200.00")
        env.exact.faults.append(ExactFault(kind, "PUT", path))
        order["notes"] = "Later"
        amend(env, order, "110.00", "220.00")
        assert env.record(order).state == "amending"
        env.wait(minutes=3)
        assert env.record(order).state == "posted"
        assert amounts_in_exact(env) == [110.0, 220.0]
        assert env.codes(order) == []


class TestCancelled:
    def test_it_is_an_exception_unless_the_connection_says_otherwise(
        self, env: InMemoryEnvironment
    ) -> None:
        env.connect(when_cancelled="report")
        order = posted(env)
        assert cancelled(env, order) == "posted"
        assert env.codes(order) == ["CANCELLED_AFTER_POSTING"]
        env.exact.remove(NL.division, _ORDERS, exact_id(env))
        env.wait(hours=5)
        assert env.record(order).state == "cancelled"
        assert env.codes(order) == []

    def test_it_is_deleted_where_the_connection_says_so(self, env: InMemoryEnvironment) -> None:
        env.connect(when_cancelled="delete")
        order = posted(env)
        assert cancelled(env, order) == "cancelled"
        assert env.in_exact() == []
        env.wait(hours=5)
        assert env.codes(order) == [], "our own deletion is no change by others"

    def test_a_received_order_stays(self, env: InMemoryEnvironment) -> None:
        env.connect(when_cancelled="delete")
        order = posted(env)
        env.exact.receive(NL.division, exact_id(env))
        cancelled(env, order)
        assert env.codes(order) == ["CANCELLED_AFTER_RECEIPT"]
        assert len(env.in_exact()) == 1

    def test_an_order_changed_by_hand_stays(self, env: InMemoryEnvironment) -> None:
        env.connect(when_cancelled="delete")
        order = posted(env)
        by_hand(env, UnitPrice=1.0)
        cancelled(env, order)
        assert env.codes(order) == ["CHANGED_IN_BOTH"]

    @pytest.mark.parametrize("kind", ["timeout_after_commit", "timeout_before_commit"])
    def test_a_lost_answer_is_resolved_by_reading_exact(
        self, env: InMemoryEnvironment, kind: FaultKind
    ) -> None:
        env.connect(when_cancelled="delete")
        order = posted(env)
        env.exact.faults.append(ExactFault(kind, "DELETE", _ORDERS))
        assert cancelled(env, order) == "amending"
        env.wait(minutes=3)
        assert env.record(order).state == "cancelled"
        assert env.in_exact() == []

    def test_approved_again_it_is_posted_again(self, env: InMemoryEnvironment) -> None:
        env.connect(when_cancelled="delete")
        order = posted(env)
        cancelled(env, order)
        order["status"] = "approved"
        assert env.post(order).state == "posted"
        assert len(env.in_exact()) == 1


class TestClosed:
    @pytest.mark.parametrize(
        ("policy", "state", "codes", "left"),
        [
            ("report", "posted", ["CLOSED_AFTER_POSTING"], 1),
            ("note", "closed", [], 1),
            ("delete", "closed", [], 0),
        ],
    )
    def test_it_follows_the_policy(
        self, env: InMemoryEnvironment, policy: str, state: str, codes: list[str], left: int
    ) -> None:
        env.connect(when_closed=policy)
        order = posted(env)
        order["status"] = "closed"
        assert env.post(order).state == state
        assert env.codes(order) == codes
        assert len(env.in_exact()) == left

    def test_a_complete_order_closes_without_an_exception(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env)
        key = exact_id(env)
        env.exact.change(
            NL.division, _ORDERS, key, OrderStatus=30, ReceiptStatus=30, InvoiceStatus=30
        )
        order["status"] = "closed"
        assert env.post(order).state == "closed"
        assert env.codes(order) == []

    @pytest.mark.parametrize("status", ["denied", "archived"])
    def test_a_denied_or_archived_order_is_an_exception(
        self, env: InMemoryEnvironment, status: str
    ) -> None:
        env.connect(when_cancelled="delete", when_closed="delete")
        order = posted(env)
        order["status"] = status
        env.post(order)
        assert env.codes(order) == ["ENDED_AFTER_POSTING"]
        assert len(env.in_exact()) == 1


def by_hand(env: InMemoryEnvironment, **fields: Any) -> None:
    """Change the first line in Exact as a person would."""
    (order,) = env.in_exact()
    env.exact.change(NL.division, _LINES, order["lines"][0]["ID"], **fields)
    env.exact.change(NL.division, _ORDERS, order["PurchaseOrderID"])


class TestChangedInExact:
    def test_our_own_writes_are_no_change_by_others(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env)
        steps = env.steps(order)
        before = env.exact_calls()
        env.wait(hours=4, minutes=1)
        assert env.steps(order) == steps
        assert env.exact_calls() - before == 5 * 3, "the increments alone"

    def test_drift_is_reported_and_closes_once_it_is_undone(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env)
        by_hand(env, UnitPrice=1300.0)
        env.wait(hours=4, minutes=1)
        assert env.codes(order) == ["CHANGED_IN_EXACT"]
        by_hand(env, UnitPrice=1250.0)
        env.wait(hours=4, minutes=1)
        assert env.codes(order) == []

    def test_drift_closes_once_airbase_makes_the_same_change(
        self, env: InMemoryEnvironment
    ) -> None:
        env.connect()
        order = posted(env, "100.00")
        by_hand(env, UnitPrice=130.0, Description="Part 130.00")
        env.wait(hours=4, minutes=1)
        amend(env, order, "130.00")
        assert env.codes(order) in ([], ["POSTED_AMOUNT_DIFFERS"])

    def test_a_change_in_both_overwrites_nothing(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env, "100.00")
        by_hand(env, UnitPrice=130.0)
        amend(env, order, "150.00")
        assert env.codes(order) == ["CHANGED_IN_BOTH"]
        assert amounts_in_exact(env) == [130.0]

    def test_people_may_change_texts_and_dates_in_exact(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env, "100.00")
        key = exact_id(env)
        env.exact.change(NL.division, _ORDERS, key, Description="Call before delivery")
        env.wait(hours=4, minutes=1)
        assert env.codes(order) == []
        amend(env, order, "150.00")
        assert env.in_exact()[0]["Description"] == "Call before delivery"

    def test_a_receipt_is_noted_without_a_call(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env)
        env.exact.receive(NL.division, exact_id(env))
        before = env.exact_calls()
        env.wait(hours=4, minutes=1)
        assert env.exact_calls() - before == 5 * 3
        assert env.record(order).facts.status["receipt"] == "complete"
        assert env.steps(order)[-1] == "exact_status"
        assert env.codes(order) == []

    def test_a_deleted_order_is_an_exception_and_is_posted_again_only_by_hand(
        self, env: InMemoryEnvironment
    ) -> None:
        env.connect()
        order = posted(env)
        env.exact.remove(NL.division, _ORDERS, exact_id(env))
        env.wait(hours=4, minutes=1)
        assert env.codes(order) == ["DELETED_IN_EXACT"]
        env.wait(days=1, minutes=1)
        assert env.in_exact() == [], "nobody requested it"
        env.retry(order)
        assert len(env.in_exact()) == 1
        assert env.codes(order) == []

    def test_an_order_cancelled_in_exact_is_an_exception(self, env: InMemoryEnvironment) -> None:
        env.connect()
        order = posted(env)
        env.exact.change(NL.division, _ORDERS, exact_id(env), OrderStatus=40)
        env.wait(hours=4, minutes=1)
        assert env.codes(order) == ["CANCELLED_IN_EXACT"]
        assert cancelled(env, order) == "cancelled"
        assert env.codes(order) == []


class TestPossibleDuplicate:
    def enter_by_hand(self, env: InMemoryEnvironment, connection: Connection, **more: Any) -> None:
        """Enter an order in Exact by hand that is the one in Airbase."""
        twin = env.order("PO-9", lines=[env.airbase.line("4100", "99.00")])
        env.post(twin)
        (there,) = env.in_exact()
        fields = {"Remarks": "", "YourRef": "", **more}
        env.services.connections.remove(FIRM)
        env.services.connections.save(connection)
        env.exact.change(NL.division, _ORDERS, there["PurchaseOrderID"], **fields)
        env.wait(hours=4, minutes=1)

    @pytest.mark.parametrize("more", [{}, {"YourRef": "po-1"}])
    def test_it_is_reported_before_anything_is_posted(
        self, env: InMemoryEnvironment, more: dict[str, Any]
    ) -> None:
        self.enter_by_hand(env, env.connect(), **more)
        amount = "98.00" if more else "99.00"
        order = env.order("PO-1", lines=[env.airbase.line("4100", amount)])
        env.post(order)
        assert env.codes(order) == ["POSSIBLE_DUPLICATE"]
        (problem,) = env.record(order).problems
        assert problem.candidates[0]["amount"] == "EUR 99.00"
        assert len(env.in_exact()) == 1

    def test_a_different_order_is_not_reported(self, env: InMemoryEnvironment) -> None:
        self.enter_by_hand(env, env.connect())
        order = env.order("PO-1", lines=[env.airbase.line("4100", "98.00")])
        assert env.post(order).state == "posted"


def test_an_order_that_the_ledger_has_lost_is_found_again(env: InMemoryEnvironment) -> None:
    env.connect()
    order = posted(env)
    env.wait(hours=4, minutes=1)
    env.memory.tables.ledger.delete(FIRM, f"order#{order['id']}")
    for entry in list(env.memory.tables.audit.query(f"{FIRM}#order#{order['id']}")):
        env.memory.tables.audit.delete(str(entry["pk"]), str(entry["sk"]))
    env.clock.move(400)
    assert env.post(order).state == "posted"
    assert len(env.in_exact()) == 1
    assert "found_again" in env.steps(order)
