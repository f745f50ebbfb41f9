"""How vendors are linked, what prevents a link, and when vendors are reconciled."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from local.firm import NL
from local.simulator import Request, SimulatedFault
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.matching import rules
from ml_connector.domain.matching.party import Party
from ml_connector.messages.sending import LONGEST_CHAIN
from ml_connector.settings.connection import Connection
from ml_connector.vendors.context import VendorContext
from ml_connector.vendors.reconcile_vendor import queue_vendors
from ml_connector.vendors.review.decisions import accept, link, reject, unlink
from tests.vendors.vendor_environment import CODE, VendorEnvironment


def test_the_first_reading_matches_all_vendors_without_calling_exact_again(
    firm: VendorEnvironment,
) -> None:
    vendor, supplier = firm.pair()
    similar, its = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    employee = firm.vendor("Reimbursed Employee")
    firm.open()
    found = firm.link(vendor)
    assert found is not None
    assert (found.supplier, found.rule, found.decided_by) == (supplier, "name", "")
    assert found.evidence == ("same name",)
    assert firm.link(similar) is None
    assert firm.offered(similar) == [its]
    assert firm.vendor_record(employee).version == 0
    calls = firm.exact_calls()
    firm.reconcile()
    assert firm.exact_calls() == calls
    assert firm.vendor_steps(vendor) == ["linked"]
    assert firm.vendor_steps(similar) == ["proposed"]


def test_an_order_of_an_unknown_vendor_is_posted_as_soon_as_the_link_exists(
    firm: VendorEnvironment,
) -> None:
    firm.open()
    firm.pair()
    order = firm.order("PO-7", NL, vendor="Kanimo B.V.")
    assert firm.post(order).state == "review"
    assert firm.codes(order) == ["UNKNOWN_VENDOR"]
    firm.refresh()
    assert firm.record(order).state == "posted"


def test_a_vendor_webhook_reconciles_only_that_vendor(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    other = firm.vendor("Zorendis GmbH")
    firm.open()
    firm.supplier("Nova Lindex", "903")
    firm.refresh()
    vendor["erp_reference_id"] = supplier
    firm.airbase.calls.clear()
    firm.receive_webhook(vendor)
    assert [call.path for call in firm.airbase.calls] == [f"/v1/accounting/vendors/{vendor['id']}/"]
    assert firm.vendor_record(other).version == 0


def test_with_review_nothing_is_linked_automatically(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open(links="review")
    assert firm.link(vendor) is None
    assert firm.offered(vendor) == [supplier]
    made = accept(firm.services_of(), firm.person, CODE, firm.vendor_id(vendor))
    assert (made.supplier, made.decided_by, made.rule) == (supplier, "anna", "by_hand")
    assert firm.proposal(vendor) is None


def test_a_changed_policy_is_applied_by_the_next_reconciliation(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open(links="review")
    firm.services.connections.save(_with_policy(firm, links="automatic"))
    firm.reconcile()
    assert firm.supplier_of(vendor) == supplier


def test_changed_rules_decide_all_vendors_again(
    firm: VendorEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    similar, its = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    firm.open()
    monkeypatch.setattr(rules.MatchRules, "_doubts_of_missing_form", lambda *_: iter(()))
    firm.reconcile()
    assert firm.link(similar) is None, "nothing has changed that a reconciliation checks"
    monkeypatch.setattr(rules, "VERSION", rules.VERSION + 1)
    firm.reconcile()
    assert firm.supplier_of(similar) == its


def _with_policy(firm: VendorEnvironment, **policy: object) -> Connection:
    config = firm.connection().model_dump(mode="json")
    return Connection.model_validate(config | {"vendors": policy})


def test_a_rejected_pair_is_not_proposed_until_one_of_them_changes(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    firm.open()
    id = firm.vendor_id(vendor)
    reject(firm.services_of(), firm.person, CODE, id, supplier, "another company")
    firm.work()
    assert firm.offered(vendor) == []
    firm.receive_webhook(vendor)
    firm.reconcile()
    assert firm.offered(vendor) == []
    firm.change_account(supplier, City="Gent")
    assert firm.offered(vendor) == [supplier]
    assert "rejected" in firm.vendor_steps(vendor)


def test_an_unlinked_pair_is_not_linked_again_even_if_certain(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    id = firm.vendor_id(vendor)
    unlink(firm.services_of(), firm.person, CODE, id, "the wrong Kanimo")
    firm.work()
    firm.receive_webhook(vendor)
    firm.reconcile()
    assert firm.link(vendor) is None
    assert firm.offered(vendor) == []
    vendor["email"] = "info@kanimo.example"
    firm.receive_webhook(vendor)
    assert firm.supplier_of(vendor) == supplier


def test_a_link_by_hand_is_never_replaced(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    other = firm.supplier("Zorendis GmbH", "902")
    firm.open()
    link(firm.services_of(), firm.person, CODE, firm.vendor_id(vendor), "902", "they use this one")
    vendor["erp_reference_id"] = supplier
    firm.receive_webhook(vendor)
    firm.reconcile()
    assert firm.supplier_of(vendor) == other


def test_the_connection_file_links_by_hand(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.vendor("Trade name"), firm.supplier("Kanimo B.V.", "901")
    firm.open_with(mappings={"suppliers": {vendor["id"]: "901"}})
    found = firm.link(vendor)
    assert found is not None
    assert (found.supplier, found.decided_by) == (supplier, "connection_file")


def test_an_impossible_decision_is_refused_with_its_reason(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    other = firm.vendor("Zorendis GmbH")
    blocked = firm.supplier("Lindex SRL", "903", Blocked=True)
    firm.open()
    services, person, id = firm.services_of(), firm.person, firm.vendor_id(other)
    refusals: dict[str, Callable[[], object]] = {
        "NOTHING_PROPOSED": lambda: accept(services, person, CODE, id),
        "SUPPLIER_UNUSABLE": lambda: link(services, person, CODE, id, blocked),
        "SUPPLIER_UNKNOWN": lambda: link(services, person, CODE, id, "4711"),
        "DIVISION_UNKNOWN": lambda: link(services, person, 7, id, "901"),  # type: ignore[arg-type]
        "VENDOR_UNKNOWN": lambda: link(services, person, CODE, "unknown", "901"),  # type: ignore[arg-type]
        "NOT_LINKED": lambda: unlink(services, person, CODE, id),
    }
    for code, act in refusals.items():
        with pytest.raises(Review) as refused:
            act()
        assert [found.code for found in refused.value.problems] == [code]
        assert problem(code, "x").remedy.endswith(".")
    assert firm.vendor_record(other).version == 0
    assert firm.supplier_of(vendor) == supplier


def test_a_new_company_of_the_same_name_neither_makes_nor_breaks_a_link(
    firm: VendorEnvironment,
) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.supplier("KANIMO BV", "902")
    twin = firm.vendor("Kanimo BV")
    firm.refresh()
    firm.receive_webhook(twin)
    assert firm.supplier_of(vendor) == supplier
    assert firm.open_codes(vendor) == []
    assert firm.link(twin) is None


def test_a_vendor_that_stands_twice_has_one_supplier_twice(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    again = firm.vendor("KANIMO BV")
    firm.receive_webhook(again)
    firm.receive_webhook(vendor)
    firm.reconcile()
    assert [firm.supplier_of(each) for each in (vendor, again)] == [supplier] * 2
    assert firm.open_codes(vendor) + firm.open_codes(again) == []


def test_a_person_may_link_several_vendors_to_one_supplier(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    other = firm.vendor("Zorendis GmbH")
    firm.open()
    link(firm.services_of(), firm.person, CODE, firm.vendor_id(other), "901", "its trade name")
    firm.work()
    firm.receive_webhook(vendor)
    assert [firm.supplier_of(each) for each in (vendor, other)] == [supplier] * 2
    assert firm.open_codes(vendor) + firm.open_codes(other) == []


def test_new_rules_keep_a_link_that_they_would_not_make_and_show_it(
    firm: VendorEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.supplier("KANIMO BV", "902")
    firm.refresh()
    firm.reconcile()
    assert firm.open_codes(vendor) == []
    monkeypatch.setattr(rules, "VERSION", rules.VERSION + 1)
    for _ in range(2):  # it is still shown after the next day's comparison
        firm.reconcile()
        found = firm.link(vendor)
        assert found
        assert (found.supplier, found.doubt) == (supplier, "")
        assert firm.open_codes(vendor) == ["LINK_UNCONFIRMED"]
        assert firm.offered(vendor)[0] == supplier
    accept(firm.services_of(), firm.person, CODE, firm.vendor_id(vendor), supplier)
    firm.work()
    assert firm.open_codes(vendor) == []


def test_removing_one_of_two_vendors_of_the_same_name_links_the_other(
    firm: VendorEnvironment,
) -> None:
    supplier = firm.supplier("Kanimo B.V.", "901")
    vendor = firm.vendor("Kanimo B.V.", email="ar@kanimo.example")
    twin = firm.vendor("Kanimo BV", email="ar@zorendis.example")
    firm.open()
    assert (firm.link(vendor), firm.link(twin)) == (None, None)
    firm.airbase.remove_vendor(twin)
    firm.receive_webhook(twin)
    assert firm.supplier_of(vendor) == supplier


def test_an_interrupted_run_over_several_pages(
    firm: VendorEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [firm.pair(f"Kanimo {at:03} B.V.", str(1000 + at)) for at in range(260)]
    monkeypatch.setattr("ml_connector.vendors.reconcile_all._TIME_LIMIT", _Impatient(3))
    firm.open()
    steps = firm.run_steps()
    while steps[-1] != "reconciled":
        firm.wait(minutes=1)
        assert len(firm.run_steps()) > len(steps), "each sweep continues the run"
        steps = firm.run_steps()
    assert firm.memory.queues.dead == []
    assert all(firm.supplier_of(vendor) == supplier for vendor, supplier in pairs)
    assert steps[0] == "started"
    assert steps[-1] == "reconciled"
    assert steps.count("reached") > 50
    (gone, _) = pairs[7]
    firm.airbase.remove_vendor(gone)
    monkeypatch.undo()
    firm.reconcile()
    assert firm.open_codes(gone) == ["VENDOR_GONE"]


def test_a_run_resumes_at_the_page_that_failed(firm: VendorEnvironment) -> None:
    pairs = [firm.pair(f"Kanimo {at:03} B.V.", str(1000 + at)) for at in range(260)]
    firm.open()
    asked: list[str] = []

    def fail_once(request: Request) -> SimulatedFault | None:
        if request.path.endswith("/vendors/"):
            asked.append(request.query["page"])
        return SimulatedFault("unavailable") if asked == ["1", "2"] else None

    firm.airbase.on_call = fail_once
    firm.reconcile()
    firm.wait(minutes=5)
    firm.wait(minutes=5)
    assert asked == ["1", "2", "2"]
    assert firm.run_steps()[-1] == "reconciled"
    assert [firm.open_codes(vendor) for vendor, _ in pairs] == [[]] * 260


class _Impatient:
    """A time limit that is exceeded at every `every`-th check."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.asked = 0

    def __lt__(self, _: object) -> bool:
        self.asked += 1
        return self.asked % self.every == 0


def test_an_unreadable_vendor_does_not_stop_others_and_is_not_gone(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    other, _ = firm.pair("Zorendis GmbH", "902")
    firm.open()
    other["name"] = ["not", "text"]
    late, its = firm.pair("Lindex SRL", "903")
    firm.refresh()
    firm.reconcile()
    assert firm.supplier_of(late) == its
    assert firm.link(other) is not None
    assert firm.open_codes(other) == ["BAD_FIELD"]
    assert firm.supplier_of(vendor) == supplier
    other["name"] = "Zorendis GmbH"
    firm.reconcile()
    assert firm.open_codes(other) == []


def test_a_listed_vendor_without_an_id_is_an_exception_of_the_connection(
    firm: VendorEnvironment,
) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.airbase.vendors |= {"a": None, "b": {"name": "X"}}  # type: ignore[dict-item]
    late, its = firm.pair("Lindex SRL", "903")
    firm.refresh()
    firm.reconcile()
    assert (firm.supplier_of(late), firm.supplier_of(vendor)) == (its, supplier)

    def open_now() -> list[str]:
        return [each.code for each in firm.services_of().ledger.connection().problems]

    assert open_now() == ["LISTED_VENDOR_UNREADABLE"]
    del firm.airbase.vendors["a"], firm.airbase.vendors["b"]
    firm.reconcile()
    assert open_now() == []


def test_an_airbase_outage_is_waited_for(firm: VendorEnvironment) -> None:
    firm.open()
    vendor, supplier = firm.pair()
    firm.refresh()
    firm.airbase.on_call = lambda _: SimulatedFault("unavailable")
    firm.receive_webhook(vendor)
    firm.reconcile()
    assert firm.link(vendor) is None
    firm.airbase.on_call = None
    firm.wait(minutes=40)
    firm.wait(minutes=1)
    assert firm.supplier_of(vendor) == supplier
    assert firm.vendor_record(vendor).due_at is None
    assert firm.run_steps()[-1] == "reconciled"


def test_a_long_chain_of_affected_vendors_is_continued_by_the_sweep(
    firm: VendorEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendors = [firm.pair(f"Kanimo {at:03} B.V.", str(1000 + at))[0] for at in range(30)]
    firm.open()
    following = dict(pairwise(str(vendor["id"]) for vendor in vendors))
    reached: list[str] = []

    def affect(context: VendorContext, vendor: Party) -> None:
        reached.append(vendor.id)
        queue_vendors(context, {following[vendor.id]} & following.keys())

    monkeypatch.setattr("ml_connector.vendors.worker.reconcile_vendor", affect)
    firm.receive_webhook(vendors[0])
    assert len(reached) == LONGEST_CHAIN + 1
    for _ in range(2):
        firm.wait(minutes=1)
    assert reached[:29] == [str(vendor["id"]) for vendor in vendors[:29]]
    assert firm.memory.queues.dead == []
