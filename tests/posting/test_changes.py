"""What becomes of a posted order when either side changes it: the same, whatever came first."""

from decimal import Decimal
from typing import Any, Literal

import pytest

from local.exact_simulator import Fault
from local.firm import BE, NL
from local.office import FIRM, Office
from ml_connector.connection import Connection
from ml_connector.doors.queues import VENDORS, Message

FaultKind = Literal["timeout_after_commit", "timeout_before_commit"]
_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"


def posted(office: Office, *amounts: str) -> dict[str, Any]:
    """Return an order that stands in Exact, of one line an amount."""
    lines = [office.airbase.line("4100", amount, f"Part {amount}") for amount in amounts]
    order = office.order(lines=lines or [office.airbase.line("4100", "1250.00", "Licences")])
    assert office.post(order).state == "posted"
    return order


def amend(office: Office, order: dict[str, Any], *amounts: str) -> None:
    """Approve other lines, and let the worker see it."""
    order["expense_list"] = [office.airbase.line("4100", a, f"Part {a}") for a in amounts]
    order["total_amount"] = str(sum(map(Decimal, amounts)))
    office.post(order)


def amounts_in_exact(office: Office) -> list[float]:
    (order,) = office.in_exact()
    return [line["UnitPrice"] for line in order["lines"]]


def exact_id(office: Office) -> str:
    return str(office.in_exact()[0]["PurchaseOrderID"])


def cancelled(office: Office, order: dict[str, Any]) -> str:
    order["status"] = "cancelled"
    return office.post(order).state


class TestAmended:
    def test_the_header_is_changed_in_exact(self, office: Office) -> None:
        office.connect()
        order = posted(office)
        order["notes"] = "For the new office"
        assert office.post(order).state == "posted"
        assert office.in_exact()[0]["Description"] == "For the new office"
        assert office.steps(order)[-2:] == ["amendment_intent", "amended"]
        assert office.codes(order) == []

    @pytest.mark.parametrize("nested", [False, True])
    def test_a_line_is_changed_the_way_exact_takes_it(self, office: Office, nested: bool) -> None:
        office.exact.policy.nested_line_updates = nested
        office.exact.policy.line_updates = not nested
        office.connect()
        order = posted(office, "100.00", "200.00")
        amend(office, order, "100.00", "250.00")
        assert amounts_in_exact(office) == [100.0, 250.0]
        assert office.record(order).facts["total"] == "EUR 350.00"

    def test_which_way_exact_took_is_remembered(self, office: Office) -> None:
        office.exact.policy.nested_line_updates = True
        office.exact.policy.line_updates = False
        office.connect()
        for number in ("PO-1", "PO-2"):
            lines = [office.airbase.line("4100", "100.00")]
            order = office.order(number, lines=lines)
            office.post(order)
            before = len([c for c in office.exact.calls if c.status == 500])
            order["expense_list"][0]["amount"] = order["total_amount"] = "150.00"
            office.post(order)
            refused = len([c for c in office.exact.calls if c.status == 500]) - before
            assert refused == (1 if number == "PO-1" else 0)

    def test_lines_are_added_and_removed(self, office: Office) -> None:
        office.exact.policy.nested_line_updates = True
        office.connect()
        order = posted(office, "100.00")
        amend(office, order, "100.00", "50.00")
        assert amounts_in_exact(office) == [100.0, 50.0]
        amend(office, order, "50.00")
        assert amounts_in_exact(office) == [50.0]
        assert office.codes(order) == []

    def test_a_change_that_exact_refuses_is_an_exception_with_its_words(
        self, office: Office
    ) -> None:
        office.exact.policy.line_updates = False
        office.connect()
        order = posted(office, "100.00")
        amend(office, order, "150.00")
        assert office.record(order).state == "posted"
        assert set(office.codes(order)) == {"EXACT_REFUSED"}
        assert amounts_in_exact(office) == [100.0]
        office.exact.policy.line_updates = True
        office.wait(days=1, minutes=1)
        assert amounts_in_exact(office) == [150.0]
        assert office.codes(order) == []

    def test_a_repeated_event_of_an_amended_order_costs_exact_nothing(self, office: Office) -> None:
        office.connect()
        order = posted(office, "100.00")
        amend(office, order, "150.00")
        before = office.exact_calls()
        office.clock.move(400)
        office.post(order)
        assert office.exact_calls() == before

    def test_once_received_nothing_is_overwritten(self, office: Office) -> None:
        office.connect()
        order = posted(office, "100.00")
        office.exact.receive(NL.division, exact_id(office))
        amend(office, order, "150.00")
        assert office.codes(order) == ["CHANGED_AFTER_RECEIPT"]
        (problem,) = office.record(order).problems
        assert {"where": "line 1", "field": "UnitPrice", "expected": "150", "found": "100"} in (
            problem["evidence"]["differences"]
        )
        assert amounts_in_exact(office) == [100.0]
        amend(office, order, "100.00")
        assert office.codes(order) == [], "taken back in Airbase: nothing is left to settle"

    def test_another_approval_round_leaves_what_was_approved(self, office: Office) -> None:
        office.connect()
        order = posted(office, "100.00")
        order["status"] = "pending"
        amend(office, order, "150.00")
        assert amounts_in_exact(office) == [100.0]
        order["status"] = "approved"
        amend(office, order, "150.00")
        assert amounts_in_exact(office) == [150.0]

    def test_an_unknown_vendor_is_waited_for(self, office: Office) -> None:
        office.connect()
        order = posted(office, "100.00")
        new = office.firm.vendors["Nieuwkomer Catering"]
        order["vendor"] = {"airbase_id": new["id"], "name": new["name"]}
        office.post(order)
        assert office.codes(order) == ["UNKNOWN_VENDOR"]
        supplier = office.exact.add_supplier(NL.division, new["name"], code="777")
        new["erp_reference_id"] = "777"
        office.wait(hours=4, minutes=1)
        office.mini.work(Message(VENDORS, "all", {"kind": "reconcile"}), office.doors)
        office.work()
        assert office.codes(order) == []
        assert office.in_exact()[0]["Supplier"] == supplier

    def test_another_division_is_for_a_person(self, office: Office) -> None:
        office.connect()
        order = posted(office, "100.00")
        order["subsidiary"] = {"airbase_id": BE.subsidiary, "name": BE.name}
        office.post(order)
        assert office.codes(order) == ["DIVISION_CHANGED"]
        assert (len(office.in_exact(NL)), len(office.in_exact(BE))) == (1, 0)

    @pytest.mark.parametrize("kind", ["timeout_after_commit", "timeout_before_commit"])
    @pytest.mark.parametrize("path", [_ORDERS, _LINES])
    def test_a_lost_answer_is_settled_by_looking(
        self, office: Office, kind: FaultKind, path: str
    ) -> None:
        office.connect()
        order = posted(office, "100.00", "200.00")
        office.exact.faults.append(Fault(kind, "PUT", path))
        order["notes"] = "Later"
        amend(office, order, "110.00", "220.00")
        assert office.record(order).state == "amending"
        office.wait(minutes=3)
        assert office.record(order).state == "posted"
        assert amounts_in_exact(office) == [110.0, 220.0]
        assert office.codes(order) == []


class TestCancelled:
    def test_it_is_shown_unless_the_connection_says_otherwise(self, office: Office) -> None:
        office.connect(when_cancelled="report")
        order = posted(office)
        assert cancelled(office, order) == "posted"
        assert office.codes(order) == ["CANCELLED_AFTER_POSTING"]
        office.exact.remove(NL.division, _ORDERS, exact_id(office))
        office.wait(hours=5)
        assert office.record(order).state == "cancelled"
        assert office.codes(order) == []

    def test_it_is_deleted_where_the_connection_says_so(self, office: Office) -> None:
        office.connect(when_cancelled="delete")
        order = posted(office)
        assert cancelled(office, order) == "cancelled"
        assert office.in_exact() == []
        office.wait(hours=5)
        assert office.codes(order) == [], "the echo of our own deletion is silent"

    def test_what_was_received_stays(self, office: Office) -> None:
        office.connect(when_cancelled="delete")
        order = posted(office)
        office.exact.receive(NL.division, exact_id(office))
        cancelled(office, order)
        assert office.codes(order) == ["CANCELLED_AFTER_RECEIPT"]
        assert len(office.in_exact()) == 1

    def test_what_was_changed_by_hand_stays(self, office: Office) -> None:
        office.connect(when_cancelled="delete")
        order = posted(office)
        by_hand(office, UnitPrice=1.0)
        cancelled(office, order)
        assert office.codes(order) == ["CHANGED_IN_BOTH"]

    @pytest.mark.parametrize("kind", ["timeout_after_commit", "timeout_before_commit"])
    def test_a_lost_answer_is_settled_by_looking(self, office: Office, kind: FaultKind) -> None:
        office.connect(when_cancelled="delete")
        order = posted(office)
        office.exact.faults.append(Fault(kind, "DELETE", _ORDERS))
        assert cancelled(office, order) == "amending"
        office.wait(minutes=3)
        assert office.record(order).state == "cancelled"
        assert office.in_exact() == []

    def test_approved_again_it_is_posted_again(self, office: Office) -> None:
        office.connect(when_cancelled="delete")
        order = posted(office)
        cancelled(office, order)
        order["status"] = "approved"
        assert office.post(order).state == "posted"
        assert len(office.in_exact()) == 1


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
        self, office: Office, policy: str, state: str, codes: list[str], left: int
    ) -> None:
        office.connect(when_closed=policy)
        order = posted(office)
        order["status"] = "closed"
        assert office.post(order).state == state
        assert office.codes(order) == codes
        assert len(office.in_exact()) == left

    def test_a_complete_order_closes_in_silence(self, office: Office) -> None:
        office.connect()
        order = posted(office)
        key = exact_id(office)
        office.exact.change(
            NL.division, _ORDERS, key, OrderStatus=30, ReceiptStatus=30, InvoiceStatus=30
        )
        order["status"] = "closed"
        assert office.post(order).state == "closed"
        assert office.codes(order) == []

    @pytest.mark.parametrize("status", ["denied", "archived"])
    def test_denied_or_archived_is_for_a_person(self, office: Office, status: str) -> None:
        office.connect(when_cancelled="delete", when_closed="delete")
        order = posted(office)
        order["status"] = status
        office.post(order)
        assert office.codes(order) == ["ENDED_AFTER_POSTING"]
        assert len(office.in_exact()) == 1


def by_hand(office: Office, **fields: Any) -> None:
    """Change the first line in Exact as a person there would."""
    (order,) = office.in_exact()
    office.exact.change(NL.division, _LINES, order["lines"][0]["ID"], **fields)
    office.exact.change(NL.division, _ORDERS, order["PurchaseOrderID"])


class TestChangedInExact:
    def test_our_own_echo_is_silent(self, office: Office) -> None:
        office.connect()
        order = posted(office)
        steps = office.steps(order)
        before = office.exact_calls()
        office.wait(hours=4, minutes=1)
        assert office.steps(order) == steps
        assert office.exact_calls() - before == 5 * 3, "the increments alone"

    def test_drift_is_shown_and_closes_once_it_is_undone(self, office: Office) -> None:
        office.connect()
        order = posted(office)
        by_hand(office, UnitPrice=1300.0)
        office.wait(hours=4, minutes=1)
        assert office.codes(order) == ["CHANGED_IN_EXACT"]
        by_hand(office, UnitPrice=1250.0)
        office.wait(hours=4, minutes=1)
        assert office.codes(order) == []

    def test_drift_that_airbase_follows_closes(self, office: Office) -> None:
        office.connect()
        order = posted(office, "100.00")
        by_hand(office, UnitPrice=130.0, Description="Part 130.00")
        office.wait(hours=4, minutes=1)
        amend(office, order, "130.00")
        assert office.codes(order) in ([], ["POSTED_AMOUNT_DIFFERS"])

    def test_a_change_in_both_overwrites_nothing(self, office: Office) -> None:
        office.connect()
        order = posted(office, "100.00")
        by_hand(office, UnitPrice=130.0)
        amend(office, order, "150.00")
        assert office.codes(order) == ["CHANGED_IN_BOTH"]
        assert amounts_in_exact(office) == [130.0]

    def test_texts_and_dates_belong_to_the_people_there(self, office: Office) -> None:
        office.connect()
        order = posted(office, "100.00")
        key = exact_id(office)
        office.exact.change(NL.division, _ORDERS, key, Description="Call before delivery")
        office.wait(hours=4, minutes=1)
        assert office.codes(order) == []
        amend(office, order, "150.00")
        assert office.in_exact()[0]["Description"] == "Call before delivery"

    def test_a_receipt_is_noted_and_costs_nothing(self, office: Office) -> None:
        office.connect()
        order = posted(office)
        office.exact.receive(NL.division, exact_id(office))
        before = office.exact_calls()
        office.wait(hours=4, minutes=1)
        assert office.exact_calls() - before == 5 * 3
        assert office.record(order).facts["status"]["receipt"] == "complete"
        assert office.steps(order)[-1] == "exact_status"
        assert office.codes(order) == []

    def test_a_deleted_order_is_an_exception_and_is_posted_again_by_hand_alone(
        self, office: Office
    ) -> None:
        office.connect()
        order = posted(office)
        office.exact.remove(NL.division, _ORDERS, exact_id(office))
        office.wait(hours=4, minutes=1)
        assert office.codes(order) == ["DELETED_IN_EXACT"]
        office.wait(days=1, minutes=1)
        assert office.in_exact() == [], "nobody has asked for it"
        office.ask(order)
        assert len(office.in_exact()) == 1
        assert office.codes(order) == []

    def test_an_order_cancelled_in_exact_is_an_exception(self, office: Office) -> None:
        office.connect()
        order = posted(office)
        office.exact.change(NL.division, _ORDERS, exact_id(office), OrderStatus=40)
        office.wait(hours=4, minutes=1)
        assert office.codes(order) == ["CANCELLED_IN_EXACT"]
        assert cancelled(office, order) == "cancelled"
        assert office.codes(order) == []


class TestPossibleDuplicate:
    def typed_in(self, office: Office, connection: Connection, **more: Any) -> None:
        """Let somebody type an order into Exact that is the one of Airbase."""
        twin = office.order("PO-9", lines=[office.airbase.line("4100", "99.00")])
        office.post(twin)
        (there,) = office.in_exact()
        fields = {"Remarks": "", "YourRef": "", **more}
        office.doors.mappings.remove(FIRM)
        office.doors.mappings.save(connection)
        office.exact.change(NL.division, _ORDERS, there["PurchaseOrderID"], **fields)
        office.wait(hours=4, minutes=1)

    @pytest.mark.parametrize("more", [{}, {"YourRef": "po-1"}])
    def test_it_is_shown_before_anything_is_posted(
        self, office: Office, more: dict[str, Any]
    ) -> None:
        self.typed_in(office, office.connect(), **more)
        amount = "98.00" if more else "99.00"
        order = office.order("PO-1", lines=[office.airbase.line("4100", amount)])
        office.post(order)
        assert office.codes(order) == ["POSSIBLE_DUPLICATE"]
        (problem,) = office.record(order).problems
        assert problem["candidates"][0]["amount"] == "EUR 99.0"
        assert len(office.in_exact()) == 1

    def test_what_is_not_alike_is_not_shown(self, office: Office) -> None:
        self.typed_in(office, office.connect())
        order = office.order("PO-1", lines=[office.airbase.line("4100", "98.00")])
        assert office.post(order).state == "posted"


def test_an_order_that_the_ledger_has_lost_is_found_again(office: Office) -> None:
    office.connect()
    order = posted(office)
    office.wait(hours=4, minutes=1)
    office.mini.tables.ledger.delete(FIRM, f"order#{order['id']}")
    for entry in list(office.mini.tables.audit.query(f"{FIRM}#order#{order['id']}")):
        office.mini.tables.audit.delete(str(entry["pk"]), str(entry["sk"]))
    office.clock.move(400)
    assert office.post(order).state == "posted"
    assert len(office.in_exact()) == 1
    assert "found_again" in office.steps(order)
