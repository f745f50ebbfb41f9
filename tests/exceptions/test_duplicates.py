"""Resolving a possible duplicate, and what a retry by hand may post again."""

from dataclasses import replace
from typing import Any

import pytest

from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.faults import Problem
from ml_connector.domain.records import OrderState, posted_facts
from ml_connector.exceptions import possible_duplicates as duplicates
from ml_connector.reference_data.refresh import refresh
from ml_connector.user_errors import UserError
from tests.person_stack import PERSON, PersonStack, actors

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"


@pytest.fixture
def stack(env: InMemoryEnvironment) -> PersonStack:
    env.connect()
    return PersonStack(env)


def enter_by_hand(env: InMemoryEnvironment, amount: str = "99.00", **more: Any) -> dict[str, Any]:
    """Enter an order in Exact by hand, and let the worker read it."""
    exact_client = env.services_of().exact(NL.key)
    place = env.exact.world.divisions[NL.division]
    supplier = next(
        row for row in place.table("crm/Accounts").values() if "Cloudwerk" in row["Name"]
    )
    item = next(row for row in place.table("logistics/Items").values() if "4100" in row["Code"])
    line = {"Item": item["ID"], "QuantityInPurchaseUnits": 3, "UnitPrice": float(amount) / 3}
    body = {"Supplier": supplier["ID"], "YourRef": "PO-1", "PurchaseOrderLines": [line], **more}
    made = exact_client.create(NL.key, _ORDERS, body)
    refresh(env.services_of(), NL.key, everything=True)
    return made


def waiting(env: InMemoryEnvironment, **more: Any) -> dict[str, Any]:
    """Return an order that waits as a possible duplicate."""
    lines = [env.airbase.line("4100", "99.00", "As agreed")]
    order = env.order("PO-1", lines=lines, **more)
    env.post(order)
    assert env.codes(order) == ["POSSIBLE_DUPLICATE"]
    return order


def writes(env: InMemoryEnvironment) -> int:
    return sum(c.method != "GET" and "oauth2" not in c.path for c in env.exact.calls)


def test_its_remedy_has_both_commands(stack: PersonStack) -> None:
    number = enter_by_hand(stack.env)["OrderNumber"]
    (found,) = stack.env.record(waiting(stack.env)).problems
    assert f"`connector adopt {FIRM} PO-1 --exact-number {number}`" in found.remedy
    assert f"`connector retry {FIRM} PO-1 --not-a-duplicate`" in found.remedy


class TestAnotherOrder:
    def test_it_is_posted_and_the_trail_says_who_decided(self, stack: PersonStack) -> None:
        env = stack.env
        there = enter_by_hand(env)
        order = waiting(env)
        done = duplicates.not_a_duplicate(stack, stack.actor, FIRM, "PO-1")
        assert done["not_duplicates"] == [str(there["OrderNumber"])]
        env.work()
        record = env.record(order)
        assert (record.state, env.codes(order)) == ("posted", [])
        assert record.facts.not_duplicates == (there["PurchaseOrderID"],)
        assert actors(env, record.key)["not_a_duplicate"] == PERSON
        assert len(env.in_exact()) == 2

    def test_another_similar_order_is_reported_again(self, stack: PersonStack) -> None:
        enter_by_hand(stack.env)
        order = waiting(stack.env)
        second = enter_by_hand(stack.env)
        duplicates.not_a_duplicate(stack, stack.actor, FIRM, "PO-1")
        stack.env.work()
        (problem,) = stack.env.record(order).problems
        assert problem.code == "POSSIBLE_DUPLICATE"
        assert [each["id"] for each in problem.candidates] == [second["PurchaseOrderID"]]

    def test_an_order_that_waits_for_something_else_is_refused(self, stack: PersonStack) -> None:
        stack.env.post(stack.env.order(vendor="Nieuwkomer Catering"))
        with pytest.raises(UserError, match="PO-1 does not wait as a possible dup"):
            duplicates.not_a_duplicate(stack, stack.actor, FIRM, "PO-1")

    def test_an_order_that_is_in_exact_is_refused(self, stack: PersonStack) -> None:
        record = stack.env.post(stack.env.order())
        number = posted_facts(record.facts).exact.number
        message = f"PO-1 is in Exact already, as order {number}"
        with pytest.raises(UserError, match=message):
            duplicates.not_a_duplicate(stack, stack.actor, FIRM, "PO-1")
        with pytest.raises(UserError, match=message):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-1", "1")


class TestThisOrder:
    def test_it_is_tracked_from_then_on_and_nothing_is_written_to_exact(
        self, stack: PersonStack
    ) -> None:
        env = stack.env
        there = enter_by_hand(env)
        order = waiting(env)
        before = writes(env)
        done = duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))
        assert (done["state"], done["exceptions"]) == ("posted", [])
        record = env.record(order)
        assert posted_facts(record.facts).exact.id == there["PurchaseOrderID"]
        assert actors(env, record.key)["adopted_by_hand"] == PERSON
        assert env.services.ledger_of(FIRM).find_break(record) is None
        env.clock.move(400)
        env.post(order)
        env.retry(order)
        env.wait(hours=5)
        assert (env.codes(order), writes(env)) == ([], before)
        assert len(env.in_exact()) == 1

    def test_a_difference_in_the_amount_is_reported_and_not_changed(
        self, stack: PersonStack
    ) -> None:
        env = stack.env
        there = enter_by_hand(env, "90.00")
        order = waiting(env)
        before = writes(env)
        done = duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))
        assert [each["code"] for each in done["exceptions"]] == ["POSTED_AMOUNT_DIFFERS"]
        env.retry(order)
        env.wait(days=1, minutes=5)
        assert env.codes(order) == ["POSTED_AMOUNT_DIFFERS"]
        assert writes(env) == before

    def test_a_later_approval_is_written_to_exact(self, stack: PersonStack) -> None:
        env = stack.env
        there = enter_by_hand(env)
        order = waiting(env)
        duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))
        for amount in ("150.00", "99.00"):
            order["expense_list"][0]["amount"] = order["total_amount"] = amount
            env.clock.move(400)
            env.post(order)
            assert env.codes(order) == []
            (found,) = env.in_exact()
            (line,) = found["lines"]
            assert line["QuantityInPurchaseUnits"] * line["UnitPrice"] == float(amount)

    def test_what_others_change_in_it_is_reported(self, stack: PersonStack) -> None:
        env = stack.env
        there = enter_by_hand(env)
        order = waiting(env)
        duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))
        (found,) = env.in_exact()
        env.exact.change(NL.division, _LINES, found["lines"][0]["ID"], UnitPrice=1.0)
        env.exact.change(NL.division, _ORDERS, found["PurchaseOrderID"])
        env.wait(hours=4, minutes=1)
        assert env.codes(order) == ["CHANGED_IN_EXACT"]

    def test_one_of_another_supplier_is_refused(self, stack: PersonStack) -> None:
        env = stack.env
        enter_by_hand(env)
        other = env.order("PO-2", vendor="Expo Partners")
        number = posted_facts(env.post(other).facts).exact.number
        waiting(env)
        env.wait(hours=4, minutes=1)
        with pytest.raises(UserError, match="is of another supplier than PO-1"):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(number))

    def test_one_that_is_linked_to_another_order_is_refused(self, stack: PersonStack) -> None:
        env = stack.env
        there = enter_by_hand(env)
        waiting(env)
        second = env.order("PO-2", lines=[env.airbase.line("4100", "99.00")])
        env.post(second)
        duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))
        with pytest.raises(UserError, match="is linked to PO-1 already"):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-2", str(there["OrderNumber"]))

    def test_of_two_people_at_once_the_first_one_wins(
        self, stack: PersonStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        env = stack.env
        there = enter_by_hand(env)
        first = waiting(env)
        second = env.order("PO-2", lines=[env.airbase.line("4100", "99.00")])
        env.post(second)
        number = str(there["OrderNumber"])
        check = duplicates._refuse_other_order

        def overtaken(*given: Any) -> None:
            check(*given)
            monkeypatch.setattr(duplicates, "_refuse_other_order", check)
            duplicates.adopt(stack, stack.actor, FIRM, "PO-1", number)

        monkeypatch.setattr(duplicates, "_refuse_other_order", overtaken)
        with pytest.raises(UserError, match="was just linked to another order"):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-2", number)
        assert (env.record(first).state, env.record(second).state) == ("posted", "review")
        assert env.services_of().notes.order_of(there["PurchaseOrderID"]) == first["id"]

    def test_an_adopted_order_is_no_duplicate_of_the_next(self, stack: PersonStack) -> None:
        env = stack.env
        there = enter_by_hand(env)
        waiting(env)
        duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))
        second = env.order("PO-2", lines=[env.airbase.line("4100", "99.00")])
        assert env.post(second).state == "posted"

    def test_one_of_ours_that_the_ledger_does_not_know_is_refused(self, stack: PersonStack) -> None:
        env = stack.env
        enter_by_hand(env)
        ours = enter_by_hand(env, Remarks=f"Airbase PO-7 [airbase {'0' * 20}/{'1' * 8}]")
        waiting(env)
        with pytest.raises(UserError, match="another order, by the marker"):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(ours["OrderNumber"]))

    def test_a_cancelled_one_is_refused(self, stack: PersonStack) -> None:
        env = stack.env
        there = enter_by_hand(env)
        waiting(env)
        env.exact.change(NL.division, _ORDERS, there["PurchaseOrderID"], OrderStatus=40)
        with pytest.raises(UserError, match="is cancelled in Exact"):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))

    @pytest.mark.parametrize("number", ["4711", ""])
    def test_one_that_is_not_there_is_refused(self, stack: PersonStack, number: str) -> None:
        enter_by_hand(stack.env)
        waiting(stack.env)
        with pytest.raises(UserError, match=f"division nl.2101 has no order '{number}'"):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-1", number)

    def test_one_that_was_just_deleted_is_refused(self, stack: PersonStack) -> None:
        env = stack.env
        there = enter_by_hand(env)
        enter_by_hand(env, YourRef="other", amount="5.00")
        order = waiting(env)
        env.exact.remove(NL.division, _ORDERS, there["PurchaseOrderID"])
        with pytest.raises(UserError, match="has no order"):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))
        assert env.record(order).state == "review"

    def test_an_order_that_was_cancelled_meanwhile_is_refused(self, stack: PersonStack) -> None:
        there = enter_by_hand(stack.env)
        order = waiting(stack.env)
        order["status"] = "cancelled"
        with pytest.raises(UserError, match="is no longer an approved purchase order"):
            duplicates.adopt(stack, stack.actor, FIRM, "PO-1", str(there["OrderNumber"]))


class TestPostedAgain:
    def test_in_the_other_division_once_the_old_order_is_gone(self, stack: PersonStack) -> None:
        env = stack.env
        order = env.order()
        env.post(order)
        order["subsidiary"] = {"airbase_id": BE.subsidiary, "name": BE.name}
        env.post(order)
        assert env.codes(order) == ["DIVISION_CHANGED"]
        env.retry(order)
        assert env.codes(order) == ["DIVISION_CHANGED"], "it is still there"
        assert (len(env.in_exact(NL)), len(env.in_exact(BE))) == (1, 0)
        key = env.in_exact(NL)[0]["PurchaseOrderID"]
        env.exact.remove(NL.division, _ORDERS, key)
        env.wait(days=1, minutes=5)
        assert env.codes(order) == ["DIVISION_CHANGED"], "nobody requested it"
        env.retry(order)
        record = env.record(order)
        assert (record.state, record.facts.division) == ("posted", BE.key)
        assert (len(env.in_exact(NL)), len(env.in_exact(BE))) == (0, 1)
        assert env.codes(order) == []

    def test_not_while_it_is_still_in_exact(self, stack: PersonStack) -> None:
        env = stack.env
        order = env.order()
        id = posted_facts(env.post(order).facts).exact.id
        env.wait(hours=4, minutes=1)
        env.services_of().exact_orders(NL.key).mark_deleted(id)
        record = env.record(order)
        gone = Problem("DELETED_IN_EXACT", "PO-1", "c", "r")
        facts = replace(record.facts, problems=(gone,))
        env.services.ledger_of(FIRM).write(record.now(OrderState.POSTED, facts), "reported")
        env.retry(order)
        assert (len(env.in_exact()), env.codes(order)) == (1, [])
