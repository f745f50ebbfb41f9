"""What a rehearsal has paired is linked once, whatever happens in between."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.audit.explanations import explain
from ml_connector.domain.records import posted_facts
from ml_connector.month_end.reconcile import reconcile
from ml_connector.reference_data.refresh import refresh
from ml_connector.rehearsal.adoption import Adoption, adopt_rehearsed
from ml_connector.user_errors import UserError
from tests.month_end.month_stack import MonthStack
from tests.month_end.test_months import at
from tests.person_stack import PERSON, PersonStack, actors
from tests.rehearsal.test_rehearse import MONTH, october, rehearsed, type_in, writes

_ORDERS = "purchaseorder/PurchaseOrders"
_LINES = "purchaseorder/PurchaseOrderLines"


def adopt(env: InMemoryEnvironment, *names: str) -> list[Adoption]:
    return adopt_rehearsed(PersonStack(env), PERSON, FIRM, MONTH, names)


def outcomes(done: list[Adoption]) -> dict[str, tuple[str, str]]:
    return {each.order.title: (each.outcome, each.why) for each in done}


def typed_orders(
    env: InMemoryEnvironment, count: int = 3, account: str = "4100"
) -> list[tuple[Any, Any]]:
    """Return orders that were typed in by hand, each with the one in Exact."""
    found = []
    for number in range(1, count + 1):
        order = october(env, f"PO-{number}", f"{number}00.00", account=account)
        found.append((order, type_in(env, f"{number}00.00", YourRef=f"PO-{number}")))
    return found


def test_all_are_linked_and_the_month_is_complete(firm: InMemoryEnvironment) -> None:
    pairs = typed_orders(firm)
    rehearsed(firm)
    before, calls = writes(firm), firm.exact_calls()
    done = adopt(firm)
    assert outcomes(done) == {f"PO-{number}": ("adopted", "") for number in (1, 2, 3)}
    assert (writes(firm), firm.exact_calls()) == (before, calls)
    for order, there in pairs:
        record = firm.record(order)
        assert posted_facts(record.facts).exact.id == there["PurchaseOrderID"]
        assert firm.services.ledger_of(FIRM).find_break(record) is None
        assert actors(firm, record.key) == {"adopted_by_hand": PERSON}
        (entry,) = firm.services.ledger_of(FIRM).trail(record.key)
        assert entry.detail["matched_by"] == ["number", "supplier", "amount"]
        firm.post(order)
        firm.retry(order)
    firm.wait(hours=5)
    assert writes(firm) == before
    assert len(firm.in_exact()) == 3
    report = reconcile(MonthStack(firm), PERSON, FIRM, MONTH)
    assert {line.title: line.category for line in report.lines} == dict.fromkeys(
        ("PO-1", "PO-2", "PO-3"), "equal"
    )


def test_a_second_time_changes_nothing(firm: InMemoryEnvironment) -> None:
    pairs = typed_orders(firm)
    rehearsed(firm)
    adopt(firm, "PO-2")
    assert firm.record(pairs[0][0]).state == "new"
    assert [each.outcome for each in adopt(firm)] == ["adopted", "linked_before", "adopted"]
    versions = [firm.record(order).version for order, _ in pairs]
    assert [each.outcome for each in adopt(firm)] == ["linked_before"] * 3
    assert [firm.record(order).version for order, _ in pairs] == versions


def test_what_a_worker_has_seen_is_linked_as_well(firm: InMemoryEnvironment) -> None:
    ((order, _),) = typed_orders(firm, 1)
    firm.post(order)
    assert firm.codes(order) == ["POSSIBLE_DUPLICATE"]
    rehearsed(firm)
    assert [each.outcome for each in adopt(firm)] == ["adopted"]
    assert (firm.record(order).state, firm.codes(order)) == ("posted", [])


def cancel(env: InMemoryEnvironment, order: Any, _there: Any) -> None:
    order["status"] = "cancelled"


def post(env: InMemoryEnvironment, order: Any, there: Any) -> None:
    env.exact.remove(NL.division, _ORDERS, there["PurchaseOrderID"])
    env.wait(hours=5)
    env.post(order)


def link_elsewhere(env: InMemoryEnvironment, order: Any, _there: Any) -> None:
    """The order cannot be mapped, and its vendor is known to be another supplier."""
    order["expense_list"] = [{"line_number": 1} | env.airbase.line("9999", "100.00")]
    vendor = env.firm.vendors["Expo Partners"]
    order["vendor"] = {"airbase_id": vendor["id"], "name": "Expo Partners"}


def remove(env: InMemoryEnvironment, _order: Any, there: Any) -> None:
    env.exact.remove(NL.division, _ORDERS, there["PurchaseOrderID"])
    env.wait(hours=5)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (cancel, "no longer an approved purchase order"),
        (post, "it is in Exact already, as order"),
        (link_elsewhere, "is of another supplier than PO-1"),
        (remove, "Exact no longer has order"),
    ],
)
def test_what_has_changed_since_is_not_linked(
    firm: InMemoryEnvironment, change: Callable[..., None], why: str
) -> None:
    pairs = typed_orders(firm)
    rehearsed(firm)
    change(firm, *pairs[0])
    done = outcomes(adopt(firm))
    assert done["PO-1"][0] == "not_adopted"
    assert why in done["PO-1"][1]
    assert [done[title][0] for title in ("PO-2", "PO-3")] == ["adopted", "adopted"]


def test_what_is_not_sure_is_linked_only_by_name(firm: InMemoryEnvironment) -> None:
    order = october(firm, "PO-1", "80.00")
    type_in(firm, "80.00")
    type_in(firm, "80.00")
    rehearsed(firm)
    assert outcomes(adopt(firm))["PO-1"][0] == "not_adopted"
    assert firm.record(order).state == "new"
    assert outcomes(adopt(firm, "PO-1"))["PO-1"] == ("adopted", "")


def test_a_name_that_was_not_paired_is_refused(firm: InMemoryEnvironment) -> None:
    typed_orders(firm, 1)
    october(firm, "PO-9")
    rehearsed(firm)
    for name in ("PO-9", "PO-77"):
        with pytest.raises(UserError, match=f"no order that was typed in by hand called '{name}'"):
            adopt(firm, name)


class TestWhatCannotBeMapped:
    """It is in Exact already, so nothing has to be mapped to link it."""

    def test_it_is_linked_and_what_is_missing_is_shown(self, firm: InMemoryEnvironment) -> None:
        order = october(firm, "PO-1", account="9999")
        there = type_in(firm, "100.00", YourRef="PO-1")
        rehearsed(firm)
        before = writes(firm)
        (done,) = adopt(firm)
        assert (done.outcome, done.codes) == ("adopted", [])
        (missing,) = done.as_dict()["unmapped"]
        assert (missing["code"], missing["record"]) == ("UNKNOWN_GL_ACCOUNT", "PO-1, line 1")
        assert "9999" in missing["cause"]
        firm.post(order)
        firm.retry(order)
        firm.wait(hours=25)
        facts = firm.record(order).facts
        assert posted_facts(facts).exact.id == there["PurchaseOrderID"]
        assert (firm.record(order).state, firm.codes(order)) == ("posted", [])
        assert (writes(firm), len(firm.in_exact())) == (before, 1)
        (entry,) = firm.services.ledger_of(FIRM).trail(firm.record(order).key)
        assert entry.detail["unmapped"] == [missing]
        (explanation,) = explain([entry])
        assert any("Not mapped then: PO-1, line 1" in each for each in explanation.evidence)

    def test_a_mapping_made_later_does_not_change_what_was_typed(
        self, firm: InMemoryEnvironment
    ) -> None:
        order = october(firm, "PO-1", account="9999")
        there = type_in(firm, "100.00", YourRef="PO-1")
        rehearsed(firm)
        adopt(firm)
        correct(firm, there, UnitPrice=1.0)
        firm.wait(hours=5)
        assert firm.codes(order) == ["CHANGED_IN_EXACT"]
        map_account(firm, "9999", "4200")
        correct(firm, there, UnitPrice=100.0)
        before = writes(firm)
        firm.wait(hours=5)
        assert (writes(firm), firm.codes(order)) == (before, [])

    def test_a_change_in_exact_is_noticed(self, firm: InMemoryEnvironment) -> None:
        order = october(firm, "PO-1", account="9999")
        there = type_in(firm, "100.00", YourRef="PO-1")
        rehearsed(firm)
        adopt(firm)
        correct(firm, there, UnitPrice=1.0)
        firm.wait(hours=5)
        assert firm.codes(order) == ["CHANGED_IN_EXACT"]

    def test_its_next_revision_has_to_be_mapped(self, firm: InMemoryEnvironment) -> None:
        order = october(firm, "PO-1", account="9999")
        type_in(firm, "100.00", YourRef="PO-1")
        rehearsed(firm)
        adopt(firm)
        before = writes(firm)
        order["expense_list"][0]["amount"] = order["total_amount"] = "123.00"
        order["revision"] = 2
        firm.post(order)
        assert (writes(firm), firm.codes(order)) == (before, ["UNKNOWN_GL_ACCOUNT"])
        map_account(firm, "9999", "4100")
        firm.retry(order)
        assert (firm.record(order).state, firm.codes(order)) == ("posted", [])
        (there,) = firm.in_exact()
        assert [line["UnitPrice"] for line in there["lines"]] == [123]

    def test_a_vendor_that_is_not_linked(self, firm: InMemoryEnvironment) -> None:
        """The name is the supplier's; of another name, a person has to say which order it is."""
        for code in ("191", "192"):  # so no link is made
            firm.exact.add_supplier(NL.division, "Nieuwkomer Catering", code=code)
        refresh(firm.services_of(), NL.key, everything=True)
        same = october(firm, "PO-1", "80.00", vendor="Nieuwkomer Catering")
        other = october(firm, "PO-2", "90.00", vendor="Nieuwkomer Catering")
        type_in(firm, "80.00", supplier="Nieuwkomer Catering")
        type_in(firm, "90.00", YourRef="PO-2")
        rehearsed(firm)
        done = outcomes(adopt(firm))
        assert done["PO-1"] == ("adopted", "")
        assert done["PO-2"][0] == "not_adopted"
        assert "is not linked to a supplier: name it to adopt it" in done["PO-2"][1]
        assert firm.record(other).state == "new"
        assert outcomes(adopt(firm, "PO-2"))["PO-2"] == ("adopted", "")
        assert [firm.record(each).state for each in (same, other)] == ["posted", "posted"]

    def test_a_subsidiary_that_no_division_serves(self, firm: InMemoryEnvironment) -> None:
        firm.airbase.add_subsidiary("sub-x", "Nieuw")
        order = october(firm, "PO-1", "80.00", branch=replace(NL, subsidiary="sub-x"))
        type_in(firm, "80.00", YourRef="PO-1")
        rehearsed(firm)
        assert outcomes(adopt(firm))["PO-1"] == (
            "not_adopted", "no division serves Nieuw: name it to adopt it",
        )  # fmt: skip
        assert outcomes(adopt(firm, "PO-1"))["PO-1"] == ("adopted", "")
        firm.post(order)
        firm.wait(hours=5)
        assert (firm.record(order).state, firm.codes(order)) == ("posted", [])


def correct(env: InMemoryEnvironment, there: dict[str, Any], **fields: Any) -> None:
    """Change the first line in Exact, as a person does."""
    (found,) = (each for each in env.in_exact() if each["OrderNumber"] == there["OrderNumber"])
    env.exact.change(NL.division, _LINES, found["lines"][0]["ID"], **fields)
    env.exact.change(NL.division, _ORDERS, found["PurchaseOrderID"])


def map_account(env: InMemoryEnvironment, airbase: str, exact: str) -> None:
    divisions = env.config(mappings={"gl_accounts": {airbase: exact}})["divisions"]
    env.connect(divisions=divisions)


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Death:
    """Kills the process at its n-th write from now on, before or after that is done."""

    is_after: bool
    left: int = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("insert", "put", "put_all", "replace", "transact"):
            monkeypatch.setattr(InMemoryTable, name, self._dying(getattr(InMemoryTable, name)))

    def _dying(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **more: Any) -> Any:
            self.left -= 1
            is_last = self.left == 0
            if is_last and not self.is_after:
                raise Killed
            done = original(*args, **more)
            if is_last:
                raise Killed
            return done

        return write


@pytest.mark.parametrize("account", ["4100", "9999"])
@pytest.mark.parametrize("is_after", [False, True])
def test_a_crash_at_any_write_loses_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, account: str, *, is_after: bool
) -> None:
    death = Death(is_after)
    death.install(monkeypatch)
    survived_at = next(step for step in range(1, 30) if not dies(death, step, account))
    assert survived_at > 4


def dies(death: Death, step: int, account: str) -> bool:
    """Adopt with a crash at a write, let a worker come in between, adopt again, and check."""
    env = InMemoryEnvironment()
    at(env.clock, "2026-11-03T09:00:00+00:00")
    env.connect()
    pairs = typed_orders(env, 2, account)
    rehearsed(env)
    before, died = writes(env), False
    death.left = step
    try:
        adopt(env)
    except Killed:
        died = True
    death.left = 0
    for order, _ in pairs:
        env.post(order)
    adopt(env)
    env.wait(hours=5)
    for order, there in pairs:
        record = env.record(order)
        assert record.state == "posted"
        assert posted_facts(record.facts).exact.id == there["PurchaseOrderID"]
        assert env.services.ledger_of(FIRM).find_break(record) is None
        assert env.steps(order).count("adopted_by_hand") == 1
    assert (len(env.in_exact()), writes(env)) == (2, before)
    return died
