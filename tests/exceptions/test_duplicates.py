"""Two ways out of a possible duplicate, and what a person's retry may post again."""

from typing import Any

import pytest

from connector_cli.actions import duplicates
from connector_cli.complaints import Complaint
from local.firm import BE, NL
from local.office import FIRM, Office
from ml_connector.ids import Division
from ml_connector.workflows.orders.adopting import adopted_facts
from ml_connector.workflows.upkeep.refresh import refresh
from tests.exceptions.desk import PERSON, Desk, actors

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"


@pytest.fixture
def desk(office: Office) -> Desk:
    office.connect()
    return Desk(office)


def typed_in(office: Office, amount: str = "99.00", **more: Any) -> dict[str, Any]:
    """Let somebody type an order into Exact, and let the worker hear of it."""
    gateway = office.doors.exact(office.connection())
    place = office.exact.world.divisions[NL.division]
    supplier = next(
        row for row in place.table("crm/Accounts").values() if "Cloudwerk" in row["Name"]
    )
    item = next(row for row in place.table("logistics/Items").values() if "4100" in row["Code"])
    line = {"Item": item["ID"], "QuantityInPurchaseUnits": 3, "UnitPrice": float(amount) / 3}
    body = {"Supplier": supplier["ID"], "YourRef": "PO-1", "PurchaseOrderLines": [line], **more}
    made = gateway.create(Division(NL.division), _ORDERS, body)
    refresh(office.doors, office.connection(), Division(NL.division), everything=True)
    return made


def waiting(office: Office, **more: Any) -> dict[str, Any]:
    """Return an order that waits as a possible duplicate."""
    lines = [office.airbase.line("4100", "99.00", "As agreed")]
    order = office.order("PO-1", lines=lines, **more)
    office.post(order)
    assert office.codes(order) == ["POSSIBLE_DUPLICATE"]
    return order


def writes(office: Office) -> int:
    return sum(c.method != "GET" and "oauth2" not in c.path for c in office.exact.calls)


class TestAnotherOrder:
    def test_it_is_posted_and_the_trail_says_who_said_so(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office)
        order = waiting(office)
        done = duplicates.not_a_duplicate(desk, FIRM, "PO-1")
        assert done["not_duplicates"] == [str(there["OrderNumber"])]
        office.work()
        record = office.record(order)
        assert (record.state, office.codes(order)) == ("posted", [])
        assert record.facts["not_duplicates"] == [there["PurchaseOrderID"]]
        assert actors(office, record.key)["not_a_duplicate"] == PERSON
        assert len(office.in_exact()) == 2

    def test_another_look_alike_is_shown_again(self, desk: Desk) -> None:
        typed_in(desk.office)
        order = waiting(desk.office)
        second = typed_in(desk.office)
        duplicates.not_a_duplicate(desk, FIRM, "PO-1")
        desk.office.work()
        (problem,) = desk.office.record(order).problems
        assert problem["code"] == "POSSIBLE_DUPLICATE"
        assert [each["id"] for each in problem["candidates"]] == [second["PurchaseOrderID"]]

    def test_an_order_that_waits_for_something_else_is_refused(self, desk: Desk) -> None:
        desk.office.post(desk.office.order(vendor="Nieuwkomer Catering"))
        with pytest.raises(Complaint, match="PO-1 does not wait as a possible dup"):
            duplicates.not_a_duplicate(desk, FIRM, "PO-1")

    def test_an_order_that_is_in_exact_is_refused(self, desk: Desk) -> None:
        record = desk.office.post(desk.office.order())
        number = record.facts["exact"]["number"]
        said = f"PO-1 is in Exact already, as order {number}"
        with pytest.raises(Complaint, match=said):
            duplicates.not_a_duplicate(desk, FIRM, "PO-1")
        with pytest.raises(Complaint, match=said):
            duplicates.adopt(desk, FIRM, "PO-1", "1")


class TestThisOrder:
    def test_it_is_followed_from_then_on_and_nothing_is_written_to_exact(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office)
        order = waiting(office)
        before = writes(office)
        done = duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))
        assert (done["state"], done["exceptions"]) == ("posted", [])
        record = office.record(order)
        assert record.facts["exact"]["id"] == there["PurchaseOrderID"]
        assert actors(office, record.key)["adopted_by_hand"] == PERSON
        assert office.doors.ledger.find_break(record) is None
        office.clock.move(400)
        office.post(order)
        office.ask(order)
        office.wait(hours=5)
        assert (office.codes(order), writes(office)) == ([], before)
        assert len(office.in_exact()) == 1

    def test_a_difference_in_the_amount_is_shown_and_left(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office, "90.00")
        order = waiting(office)
        before = writes(office)
        done = duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))
        assert [each["code"] for each in done["exceptions"]] == ["POSTED_AMOUNT_DIFFERS"]
        office.ask(order)
        office.wait(days=1, minutes=5)
        assert office.codes(order) == ["POSTED_AMOUNT_DIFFERS"]
        assert writes(office) == before

    def test_what_is_approved_later_is_brought_to_exact(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office)
        order = waiting(office)
        duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))
        for amount in ("150.00", "99.00"):
            order["expense_list"][0]["amount"] = order["total_amount"] = amount
            office.clock.move(400)
            office.post(order)
            assert office.codes(order) == []
            (found,) = office.in_exact()
            (line,) = found["lines"]
            assert line["QuantityInPurchaseUnits"] * line["UnitPrice"] == float(amount)

    def test_what_others_change_in_it_is_shown(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office)
        order = waiting(office)
        duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))
        (found,) = office.in_exact()
        office.exact.change(NL.division, _LINES, found["lines"][0]["ID"], UnitPrice=1.0)
        office.exact.change(NL.division, _ORDERS, found["PurchaseOrderID"])
        office.wait(hours=4, minutes=1)
        assert office.codes(order) == ["CHANGED_IN_EXACT"]

    def test_one_of_another_supplier_is_refused(self, desk: Desk) -> None:
        office = desk.office
        typed_in(office)
        other = office.order("PO-2", vendor="Expo Partners")
        number = office.post(other).facts["exact"]["number"]
        waiting(office)
        office.wait(hours=4, minutes=1)
        with pytest.raises(Complaint, match="is of another supplier than PO-1"):
            duplicates.adopt(desk, FIRM, "PO-1", str(number))

    def test_one_that_is_linked_to_another_order_is_refused(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office)
        waiting(office)
        second = office.order("PO-2", lines=[office.airbase.line("4100", "99.00")])
        office.post(second)
        duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))
        with pytest.raises(Complaint, match="is linked to PO-1 already"):
            duplicates.adopt(desk, FIRM, "PO-2", str(there["OrderNumber"]))

    def test_of_two_people_at_once_the_first_has_it(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office = desk.office
        there = typed_in(office)
        first = waiting(office)
        second = office.order("PO-2", lines=[office.airbase.line("4100", "99.00")])
        office.post(second)
        number = str(there["OrderNumber"])
        facts = adopted_facts

        def faster(*given: Any) -> dict[str, Any]:
            monkeypatch.setattr(duplicates, "adopted_facts", facts)
            duplicates.adopt(desk, FIRM, "PO-1", number)
            return facts(*given)

        monkeypatch.setattr(duplicates, "adopted_facts", faster)
        with pytest.raises(Complaint, match="was just linked to another order"):
            duplicates.adopt(desk, FIRM, "PO-2", number)
        assert (office.record(first).state, office.record(second).state) == ("posted", "review")
        assert office.doors.mappings.order_of(FIRM, there["PurchaseOrderID"]) == first["id"]

    def test_an_adopted_order_is_no_look_alike_of_the_next(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office)
        waiting(office)
        duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))
        second = office.order("PO-2", lines=[office.airbase.line("4100", "99.00")])
        assert office.post(second).state == "posted"

    def test_one_of_ours_that_the_ledger_does_not_know_is_refused(self, desk: Desk) -> None:
        office = desk.office
        typed_in(office)
        ours = typed_in(office, Remarks=f"Airbase PO-7 [airbase {'0' * 20}/{'1' * 8}]")
        waiting(office)
        with pytest.raises(Complaint, match="another order, by the marker"):
            duplicates.adopt(desk, FIRM, "PO-1", str(ours["OrderNumber"]))

    def test_a_cancelled_one_is_refused(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office)
        waiting(office)
        office.exact.change(NL.division, _ORDERS, there["PurchaseOrderID"], OrderStatus=40)
        with pytest.raises(Complaint, match="is cancelled in Exact"):
            duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))

    @pytest.mark.parametrize("number", ["4711", ""])
    def test_one_that_is_not_there_is_refused(self, desk: Desk, number: str) -> None:
        typed_in(desk.office)
        waiting(desk.office)
        with pytest.raises(Complaint, match=f"division 2101 has no order '{number}'"):
            duplicates.adopt(desk, FIRM, "PO-1", number)

    def test_one_that_was_just_deleted_is_refused(self, desk: Desk) -> None:
        office = desk.office
        there = typed_in(office)
        typed_in(office, YourRef="other", amount="5.00")
        order = waiting(office)
        office.exact.remove(NL.division, _ORDERS, there["PurchaseOrderID"])
        with pytest.raises(Complaint, match="has no order"):
            duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))
        assert office.record(order).state == "review"

    def test_an_order_that_was_cancelled_meanwhile_is_refused(self, desk: Desk) -> None:
        there = typed_in(desk.office)
        order = waiting(desk.office)
        order["status"] = "cancelled"
        with pytest.raises(Complaint, match="is no approved purchase order"):
            duplicates.adopt(desk, FIRM, "PO-1", str(there["OrderNumber"]))


class TestPostedAgain:
    def test_in_the_other_division_once_the_old_order_is_gone(self, desk: Desk) -> None:
        office = desk.office
        order = office.order()
        office.post(order)
        order["subsidiary"] = {"airbase_id": BE.subsidiary, "name": BE.name}
        office.post(order)
        assert office.codes(order) == ["DIVISION_CHANGED"]
        office.ask(order)
        assert office.codes(order) == ["DIVISION_CHANGED"], "it is still there"
        assert (len(office.in_exact(NL)), len(office.in_exact(BE))) == (1, 0)
        key = office.in_exact(NL)[0]["PurchaseOrderID"]
        office.exact.remove(NL.division, _ORDERS, key)
        office.wait(days=1, minutes=5)
        assert office.codes(order) == ["DIVISION_CHANGED"], "nobody has asked for it"
        office.ask(order)
        record = office.record(order)
        assert (record.state, record.facts["division"]) == ("posted", BE.division)
        assert (len(office.in_exact(NL)), len(office.in_exact(BE))) == (0, 1)
        assert office.codes(order) == []

    def test_not_what_exact_still_has(self, desk: Desk) -> None:
        office = desk.office
        order = office.order()
        id = office.post(order).facts["exact"]["id"]
        office.wait(hours=4, minutes=1)
        office.doors.exact_orders(FIRM, Division(NL.division)).forget(id)
        record = office.record(order)
        gone = {"code": "DELETED_IN_EXACT", "record": "PO-1", "cause": "c", "remedy": "r"}
        office.doors.ledger.write(record.now("posted", problems=[gone]), "told")
        office.ask(order)
        assert (len(office.in_exact()), office.codes(order)) == (1, [])
