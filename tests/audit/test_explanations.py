"""Each decision is explained from its own entry, and a record can be seen as it was."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.audit.as_of import Explained, explain_record, was
from ml_connector.audit.explanations import STEPS, DecisionKind, explain
from ml_connector.connections import manage
from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.ids import Actor, VendorId
from ml_connector.exceptions import possible_duplicates
from ml_connector.user_errors import UserError
from ml_connector.vendors.review import decisions
from tests.exceptions.test_duplicates import enter_by_hand, waiting
from tests.person_stack import PERSON, PersonStack

AT = "2026-11-02T09:00:00+00:00"


def explained(env: InMemoryEnvironment, name: str, as_of: datetime | None = None) -> Explained:
    found = explain_record(env.services.ledger_of(FIRM), name, as_of)
    json.dumps(found.as_dict())
    return found


def kinds(found: Explained) -> list[str]:
    return [each.kind for each in found.decisions]


def later(env: InMemoryEnvironment) -> datetime:
    """Return now, and let a minute pass."""
    now = clock.now()
    env.clock.move(60)
    return now


def test_an_order_that_was_posted(at_rest: InMemoryEnvironment) -> None:
    at_rest.post(at_rest.order("PO-1"))
    found = explained(at_rest, "PO-1")
    assert kinds(found) == ["posted", "posted"]
    decided, done = found.decisions
    assert decided.sentence == "It was mapped and was to be posted, 1 line, for EUR 1,250.00."
    assert any(each.startswith("Vendor link: Cloudwerk is 102 ") for each in decided.evidence)
    assert "VAT: code 5 on line 1" in decided.evidence
    assert done.sentence.startswith("Exact created it as order ")
    assert ", total EUR 1,512.50 with VAT." in done.sentence
    assert (decided.actor, found.is_complete) == ("po_posting", True)


def test_by_which_mapping_it_was_posted(at_rest: InMemoryEnvironment) -> None:
    mappings = {"gl_accounts": {"Travel": "4100"}}
    at_rest.connect(divisions=at_rest.config(mappings=mappings)["divisions"])
    lines = [at_rest.airbase.line("Travel", "100.00")]
    at_rest.post(at_rest.order("PO-1", lines=lines))
    evidence = explained(at_rest, "PO-1").decisions[0].evidence
    assert [each for each in evidence if "Travel" in each] == [
        "GL account: Travel / Category Travel is 4100 in Exact"
    ]


def test_an_order_that_was_refused_and_then_waits(at_rest: InMemoryEnvironment) -> None:
    order = at_rest.order("PO-1", vendor="Nieuwkomer Catering")
    at_rest.post(order)
    (refused,) = explained(at_rest, "PO-1").decisions
    assert refused.kind == "refused"
    assert "UNKNOWN_VENDOR" in refused.sentence
    assert any("Nieuwkomer Catering is not linked" in each for each in refused.evidence)


def test_an_order_that_was_adopted(env: InMemoryEnvironment) -> None:
    env.connect()
    there = enter_by_hand(env)
    waiting(env)
    possible_duplicates.adopt(PersonStack(env), PERSON, FIRM, "PO-1", str(there["OrderNumber"]))
    refused, adopted = explained(env, "PO-1").decisions
    assert refused.kind == "refused"
    assert (adopted.kind, adopted.actor) == ("adopted", PERSON)
    assert f"Exact order {there['OrderNumber']}" in adopted.sentence


def test_a_decision_about_a_link_names_the_supplier_and_not_its_id(
    at_rest: InMemoryEnvironment,
) -> None:
    vendor = VendorId(at_rest.firm.vendors["Nieuwkomer Catering"]["id"])
    ledger = PersonStack(at_rest).ledger_of(Actor("anna"), FIRM)
    services = at_rest.services_of(FIRM)
    supplier = services.division_data(NL.key).supplier("104")
    assert supplier is not None
    decisions.link(services, ledger, NL.key, vendor, "104", "same firm")
    decisions.unlink(services, ledger, NL.key, vendor, "no, it is not")
    decisions.reject(services, ledger, NL.key, vendor, supplier.id, "really not")
    found = explained(at_rest, f"vendor#{vendor}").decisions
    said = [(each.sentence, each.evidence) for each in found[-3:]]
    named = "supplier 104 Druckhaus Elbe in nl.2101"
    assert said == [
        (f"It was linked to {named} by hand.", ("Reason: same firm",)),
        (f"Its link to {named} was removed.", ("Reason: no, it is not",)),
        (f"A person said that it is not {named}.", ("Reason: really not",)),
    ]


def test_a_link_of_an_earlier_version_is_named_as_far_as_its_entry_says() -> None:
    detail: dict[str, Any] = {"division": "nl.2101", "supplier": "guid-1", "rule": "name"}
    agreed = {"divisions": {"nl.2101": {"agreed": {"supplier": "Druckhaus Elbe"}}}}
    details = (detail | more for more in ({}, agreed, {"name": "Elbe"}))
    entries = [Entry("a#vendor#1", 1, AT, "anna", "linked", each, "", "") for each in details]
    said = [each.sentence for each in explain(entries)]
    assert said == [
        f"It was linked to supplier {name} in nl.2101 by the rule name."
        for name in ("guid-1", "Druckhaus Elbe", "Elbe")
    ]


def test_by_which_rule_a_vendor_was_linked(at_rest: InMemoryEnvironment) -> None:
    id = VendorId(at_rest.firm.vendors["Cloudwerk"]["id"])
    found = explained(at_rest, f"vendor#{id}")
    linked = [each for each in found.decisions if each.kind == "linked"]
    assert linked
    assert all(" by the rule " in each.sentence and each.evidence for each in linked)


def test_an_older_entry_says_what_it_does_not_know(at_rest: InMemoryEnvironment) -> None:
    at_rest.post(at_rest.order("PO-1"))
    record = at_rest.services.ledger_of(FIRM).order(next(iter(at_rest.airbase.orders)))  # type: ignore[arg-type]
    trail = at_rest.services.ledger_of(FIRM).trail(record.key)
    older = [without(each, "mappings", "rule") for each in trail]
    decided = next(each for each in explain(older) if each.step == "intent")
    assert not decided.is_complete
    evidence, _vat = decided.evidence
    assert evidence.endswith("recorded this did not record by which mappings and link.")


def without(entry: Entry, *names: str) -> Entry:
    return replace(entry, detail={k: v for k, v in entry.detail.items() if k not in names})


class TestAsOf:
    def test_the_figures_are_those_of_that_moment(self, at_rest: InMemoryEnvironment) -> None:
        """Whatever happens to an order: at each moment it is shown as it was stored then."""
        env = at_rest
        order = env.order("PO-1", vendor="Nieuwkomer Catering")
        seen: list[tuple[datetime, dict[str, Any]]] = []

        def note() -> None:
            seen.append((later(env), was(env.record(order).facts)))

        env.post(order)
        note()
        vendor = env.firm.vendors["Cloudwerk"]
        order["vendor"] = {
            "airbase_id": vendor["id"],
            "erp_reference_id": "102",
            "name": "Cloudwerk",
        }
        env.retry(order)
        note()
        order["expense_list"][0]["amount"] = "1300.00"
        order |= {"total_amount": "1300.00", "revision": 2}
        env.post(order)
        note()
        order["status"] = "cancelled"
        env.post(order)
        note()
        assert len({str(facts) for _, facts in seen}) == 4
        for moment, facts in seen:
            assert explained(env, order["id"], moment).as_dict()["was"] == facts
        assert env.services.ledger_of(FIRM).find_break(env.record(order)) is None
        told = {each.step: each for each in explained(env, order["id"]).decisions}
        change = "line 1, UnitPrice: 1,250.00 becomes 1,300.00"
        assert change in told["amendment_intent"].evidence
        assert told["removed"].kind == "removed"

    def test_a_change_names_the_mappings_that_it_was_made_with(
        self, at_rest: InMemoryEnvironment
    ) -> None:
        """Posted by one mapping, changed by another, then looked at once more."""
        env = at_rest
        env.connect(divisions=env.config(mappings={"gl_accounts": {"X": "4100"}})["divisions"])
        order = env.order("PO-1", lines=[env.airbase.line("X", "100.00")])
        env.post(order)
        posted = later(env)
        env.connect(divisions=env.config(mappings={"gl_accounts": {"X": "4200"}})["divisions"])
        order["expense_list"][0]["amount"] = order["total_amount"] = "130.00"
        order["revision"] = 2
        env.post(order)
        assert env.steps(order)[-2:] == ["amendment_intent", "amended"]
        amended = later(env)
        assert (
            "GL account: X / Category X is 4100 in Exact" in explained(env, "PO-1", posted).mappings
        )
        assert (
            "GL account: X / Category X is 4200 in Exact"
            in explained(env, "PO-1", amended).mappings
        )
        told = {each.step: each for each in explained(env, "PO-1").decisions}
        assert "GL account: X / Category X is 4200 in Exact" in told["amendment_intent"].evidence
        assert any(each.startswith("Vendor link: ") for each in told["amendment_intent"].evidence)
        assert explained(env, "PO-1").is_complete

    def test_an_older_change_says_that_this_was_not_recorded(
        self, at_rest: InMemoryEnvironment
    ) -> None:
        order = at_rest.order("PO-1")
        at_rest.post(order)
        order["expense_list"][0]["amount"] = order["total_amount"] = "130.00"
        at_rest.post(order)
        trail = at_rest.services.ledger_of(FIRM).trail(at_rest.record(order).key)
        (older,) = explain([without(e, "mappings") for e in trail if e.step == "amendment_intent"])
        assert not older.is_complete
        assert older.evidence[-1].endswith("did not record by which mappings and link.")

    def test_who_has_changed_it_since(self, at_rest: InMemoryEnvironment) -> None:
        env = at_rest
        order = env.order("PO-1")
        env.post(order)
        moment = later(env)
        before = explained(env, "PO-1", moment)
        assert before.later == []
        assert "by the rule" in before.link
        order["status"] = "cancelled"
        env.post(order)
        env.connect(notify={"details": False})
        found = explained(env, "PO-1", moment)
        assert [each.kind for each in found.decisions] == ["posted", "posted"]
        assert "It was deleted in Exact." in {each.what for each in found.later}

    def test_a_later_mapping_names_who_changed_it(self, at_rest: InMemoryEnvironment) -> None:
        env = at_rest
        env.post(env.order("PO-1"))
        moment = later(env)
        change = {
            "division": NL.key, "kind": "gl_accounts", "airbase": "4100", "before": "",
            "after": "4200",
        }  # fmt: skip
        ledger = PersonStack(env).ledger_of(PERSON, FIRM)
        manage.record_step(ledger, "mappings_changed", changes=[change])
        (found,) = explained(env, "PO-1", moment).later
        assert (found.actor, found.what) == (
            PERSON, "Mapping of GL account: 4100 was nothing, and became 4200.",
        )  # fmt: skip

    def test_before_it_was_known_there_is_nothing(self, at_rest: InMemoryEnvironment) -> None:
        before = later(at_rest)
        at_rest.post(at_rest.order("PO-1"))
        with pytest.raises(UserError, match="nothing was known of PO-1 yet"):
            explained(at_rest, "PO-1", before)


def test_every_kind_of_decision_has_a_step() -> None:
    entry = Entry("a#order#1", 1, AT, "po-posting", "", {}, "", "")
    found = [next(explain([replace(entry, step=step)])) for step in STEPS]
    assert {each.kind for each in found} == set(get_args(DecisionKind))
    assert all(each.sentence.endswith(".") for each in found)
