"""A subsidiary is moved to another division or site: what is in Exact, or may be, stays there."""

from dataclasses import dataclass
from typing import Any

import pytest

from local.exact_simulator import ExactFault, ExactSimulator
from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.connections import manage
from ml_connector.connections.secrets import GivenSecrets
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import Division
from ml_connector.exceptions import possible_duplicates as duplicates
from ml_connector.infrastructure.halts import Halts
from ml_connector.month_end.reconcile import ReconciledMonth
from ml_connector.settings.connection import Connection
from tests.exceptions.test_duplicates import enter_by_hand, waiting
from tests.month_end.month_stack import reconcile
from tests.person_stack import PERSON, PersonStack
from tests.two_sites import BE_DIVISION, TwoSites

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
SERVED = [BE.subsidiary, NL.subsidiary]


@dataclass
class Firm:
    """The firm, whose Dutch subsidiary can be moved away from the Dutch division."""

    env: InMemoryEnvironment
    new_division: Division
    exact: ExactSimulator
    new_exact: ExactSimulator
    moved: dict[str, Any]

    def move(self, **more: Any) -> None:
        """Have the Belgian division serve the Dutch subsidiary from now on, as a person does."""
        connection = Connection.model_validate(self.moved | {"id": FIRM} | more)
        manage.add(PersonStack(self.env), PERSON, connection, GivenSecrets())
        self.env.work()

    def old(self) -> list[dict[str, Any]]:
        return self.exact.purchase_orders(NL.division)

    def new(self) -> list[dict[str, Any]]:
        _, _, code = self.new_division.rpartition(".")
        return self.new_exact.purchase_orders(int(code))

    def places(self) -> tuple[int, int]:
        return len(self.old()), len(self.new())

    def reconcile(self) -> ReconciledMonth:
        return reconcile(self.env, "2026-09", is_fresh=False)


def of_two_divisions() -> Firm:
    env = InMemoryEnvironment()
    nl, be, de = env.config()["divisions"]
    env.connect(divisions=[nl, be, de], when_cancelled="delete")
    moved = [nl | {"subsidiaries": []}, be | {"subsidiaries": SERVED}, de]
    file = env.config() | {"when_cancelled": "delete", "divisions": moved}
    return Firm(env, BE.key, env.exact, env.exact, file)


def of_two_sites() -> Firm:
    env = TwoSites()
    env.connect_both()
    file = env.file() | {"when_cancelled": "delete"}
    env.services.connections.save(Connection.model_validate(file))
    nl, be = (site["divisions"][0] for site in file["sites"])
    nl["subsidiaries"], be["subsidiaries"] = [], SERVED
    return Firm(env, BE_DIVISION, env.exact, env.belgium, file)


@pytest.fixture(params=[of_two_divisions, of_two_sites], ids=["divisions", "sites"])
def firm(request: pytest.FixtureRequest) -> Firm:
    found: Firm = request.param()
    return found


def test_new_orders_go_to_the_new_division(firm: Firm) -> None:
    firm.env.post(firm.env.order("PO-1"))
    firm.move()
    record = firm.env.post(firm.env.order("PO-2"))
    assert (record.state, record.facts.division) == ("posted", firm.new_division)
    assert firm.places() == (1, 1)


def amend(firm: Firm, order: dict[str, Any], price: str) -> None:
    order["expense_list"] = [firm.env.airbase.line("4100", price, "Licences")]
    order["total_amount"] = price


def test_a_posted_order_is_amended_where_it_is(firm: Firm) -> None:
    order = firm.env.order("PO-1")
    firm.env.post(order)
    firm.move()
    amend(firm, order, "99.00")
    record = firm.env.post(order)
    assert (record.state, record.facts.division, record.problems) == ("posted", NL.key, ())
    assert [each["AmountFCExclVat"] for each in firm.old()] == [99.0]
    assert firm.places() == (1, 0)


def test_an_order_that_was_amended_before_is_amended_again(firm: Firm) -> None:
    order = firm.env.order("PO-1")
    firm.env.post(order)
    amend(firm, order, "99.00")
    firm.env.post(order)
    firm.move()
    amend(firm, order, "88.00")
    firm.env.post(order)
    assert [each["AmountFCExclVat"] for each in firm.old()] == [88.0]
    assert (firm.env.codes(order), firm.places()) == ([], (1, 0))


def test_an_amendment_whose_answer_was_lost_is_looked_up_where_it_was_sent(firm: Firm) -> None:
    order = firm.env.order("PO-1")
    firm.env.post(order)
    firm.exact.faults.append(ExactFault("timeout_after_commit", "PUT", _LINES))
    amend(firm, order, "99.00")
    assert firm.env.post(order).state == "amending"
    firm.move()
    firm.env.wait(minutes=30)
    assert firm.env.record(order).state == "posted"
    assert [each["AmountFCExclVat"] for each in firm.old()] == [99.0]
    assert firm.places() == (1, 0)


@pytest.mark.parametrize("status", ["cancelled", "closed"])
def test_a_posted_order_ends_where_it_is(firm: Firm, status: str) -> None:
    order = firm.env.order("PO-1")
    firm.env.post(order)
    firm.move(when_closed="note")
    order["status"] = status
    assert firm.env.post(order).state == status
    assert firm.places() == (0 if status == "cancelled" else 1, 0)


def test_what_is_received_and_changed_in_exact_is_seen_where_it_is(firm: Firm) -> None:
    order = firm.env.order("PO-1")
    firm.env.post(order)
    firm.move()
    (row,) = firm.old()
    firm.exact.change(NL.division, _ORDERS, row["PurchaseOrderID"], ReceiptStatus=20)
    firm.env.wait(hours=5)
    assert firm.env.record(order).facts.status["receipt"] == "partial"
    firm.exact.change(NL.division, _LINES, row["lines"][0]["ID"], UnitPrice=5.0)
    firm.env.wait(hours=5)
    assert firm.env.codes(order) == ["CHANGED_IN_EXACT"]


def test_the_month_has_each_order_where_it_is(firm: Firm) -> None:
    approved = "2026-09-20T10:00:00Z"
    firm.env.post(firm.env.order("PO-1", approved_date=approved))
    firm.move()
    firm.env.post(firm.env.order("PO-2", approved_date=approved))
    firm.env.wait(hours=5)
    lines = firm.reconcile().lines
    assert {(line.title, line.category, line.division) for line in lines} == {
        ("PO-1", "equal", NL.key),
        ("PO-2", "equal", firm.new_division),
    }


@pytest.mark.parametrize("kind", ["timeout_after_commit", "timeout_before_commit"])
def test_an_order_with_an_unknown_outcome_stays(firm: Firm, kind: Any) -> None:
    order = firm.env.order("PO-1")
    firm.exact.faults.append(ExactFault(kind, "POST", _ORDERS))
    assert firm.env.post(order).state == "posting"
    firm.move()
    firm.env.wait(minutes=5)
    firm.env.wait(minutes=5)
    record = firm.env.record(order)
    assert (record.state, record.facts.division) == ("posted", NL.key)
    assert firm.places() == (1, 0)


def test_an_order_that_exact_refused_goes_to_the_new_division(firm: Firm) -> None:
    order = firm.env.order("PO-1")
    suppliers = firm.exact.world.divisions[NL.division].table("crm/Accounts")
    key = next(key for key, row in suppliers.items() if row["Name"].startswith("Cloudwerk"))
    firm.exact.change(NL.division, "crm/Accounts", key, Blocked=True)
    assert firm.env.post(order).state == "review"
    assert firm.env.steps(order)[-2:] == ["refused", "review"]
    assert firm.places() == (0, 0)
    firm.move()
    assert firm.env.record(order).state == "posted"
    assert firm.places() == (0, 1)


def test_an_order_with_an_exception_goes_to_the_new_division(firm: Firm) -> None:
    order = firm.env.order("PO-1", lines=[firm.env.airbase.line("9999", "10.00", "?")])
    firm.env.post(order)
    assert firm.env.codes(order) == ["UNKNOWN_GL_ACCOUNT"]
    firm.move()
    assert firm.env.record(order).facts.division == firm.new_division
    amend(firm, order, "10.00")
    assert firm.env.post(order).state == "posted"
    assert firm.places() == (0, 1)


def test_an_order_that_waits_for_a_halted_division_goes_on_in_the_new_one(firm: Firm) -> None:
    order = firm.env.order("PO-1")
    firm.env.post(firm.env.order("PO-0"))
    ledger = firm.env.services.ledger_of(FIRM)
    Halts(ledger).stop(problem("EXACT_DIVISION_BLOCKED", "PO-0"), NL.key)
    assert firm.env.post(order).facts.waiting_for == "HALTED"
    firm.move()
    assert firm.env.record(order).state == "posted"
    assert firm.places() == (1, 1)


def test_an_order_that_waits_for_a_site_that_is_away_goes_on_at_the_other() -> None:
    firm = of_two_sites()
    firm.exact.on_call = lambda _request: ExactFault("unavailable")
    while not firm.env.services_of().exact(NL.key).circuit_breaker.outage().is_open:
        firm.env.post(firm.env.order(firm.env.airbase.new_id()))
    order = firm.env.order("PO-1")
    assert firm.env.post(order).parked == "EXACT_AWAY nl"
    firm.move()
    assert firm.env.record(order).state == "posted"
    assert [each["YourRef"] for each in firm.new()] == ["PO-1"]


class TestOneThatMayHaveBeenEnteredByHand:
    @pytest.fixture
    def order(self, firm: Firm) -> dict[str, Any]:
        enter_by_hand(firm.env)
        order = waiting(firm.env)
        firm.move()
        return order

    def test_it_is_not_posted_in_the_new_division(self, firm: Firm, order: dict[str, Any]) -> None:
        firm.env.wait(days=2)
        assert firm.env.codes(order) == ["POSSIBLE_DUPLICATE"]
        assert firm.places() == (1, 0)

    def test_it_is_adopted_where_it_is(self, firm: Firm, order: dict[str, Any]) -> None:
        (row,) = firm.old()
        stack = PersonStack(firm.env)
        done = duplicates.adopt(stack, PERSON, FIRM, "PO-1", str(row["OrderNumber"]))
        assert (done["division"], firm.places()) == (NL.key, (1, 0))

    def test_it_is_posted_in_the_new_one_once_it_is_said_to_be_another(
        self, firm: Firm, order: dict[str, Any]
    ) -> None:
        duplicates.not_a_duplicate(PersonStack(firm.env), PERSON, FIRM, "PO-1")
        firm.env.work()
        assert firm.env.record(order).state == "posted"
        assert firm.places() == (1, 1)
