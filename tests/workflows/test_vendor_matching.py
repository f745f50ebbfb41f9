"""How vendors get their links, what keeps them from it, and when that is looked at."""

from collections.abc import Callable

import pytest

from local.firm import NL
from local.office import FIRM
from local.simulation import Fault, Request
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.faults import Review
from ml_connector.vendors import ladder
from ml_connector.workflows.vendors.decisions import accept, link, reject, unlink
from tests.workflows.vendor_office import CODE, VendorOffice


def test_the_first_reading_matches_everybody_and_asks_exact_nothing_more(
    firm: VendorOffice,
) -> None:
    vendor, supplier = firm.pair()
    similar, alike = firm.vendor("Zorendis"), firm.supplier("Zorendis B.V.", "902")
    nobody = firm.vendor("Somebody who is paid back")
    firm.open()
    found = firm.link(vendor)
    assert found is not None
    assert (found.supplier, found.rule, found.decided_by) == (supplier, "name", "")
    assert found.evidence == ("same name",)
    assert firm.link(similar) is None
    assert firm.offered(similar) == [alike]
    assert firm.vendor_record(nobody).version == 0
    calls = firm.exact_calls()
    firm.compare()
    assert firm.exact_calls() == calls
    assert firm.vendor_steps(vendor) == ["linked"]
    assert firm.vendor_steps(similar) == ["proposed"]


def test_an_order_of_an_unknown_vendor_is_posted_as_soon_as_the_link_exists(
    firm: VendorOffice,
) -> None:
    firm.open()
    firm.pair()
    order = firm.order("PO-7", NL, vendor="Kanimo B.V.")
    assert firm.post(order).state == "review"
    assert firm.codes(order) == ["UNKNOWN_VENDOR"]
    firm.read_exact()
    assert firm.record(order).state == "posted"


def test_one_vendor_event_runs_that_vendor_alone(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    other = firm.vendor("Zorendis GmbH")
    firm.open()
    firm.supplier("Nova Lindex", "903")
    firm.read_exact()
    vendor["erp_reference_id"] = supplier
    firm.airbase.calls.clear()
    firm.hear(vendor)
    assert [call.path for call in firm.airbase.calls] == [f"/v1/accounting/vendors/{vendor['id']}/"]
    assert firm.vendor_record(other).version == 0


def test_by_review_nothing_is_linked_without_a_person(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open(links="review")
    assert firm.link(vendor) is None
    assert firm.offered(vendor) == [supplier]
    made = accept(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(vendor))
    assert (made.supplier, made.decided_by, made.rule) == (supplier, "anna", "by_hand")
    assert firm.proposal(vendor) is None


def test_a_change_of_the_policy_is_applied_by_the_next_comparison(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open(links="review")
    firm.doors.mappings.save(_with_policy(firm, links="automatic"))
    firm.compare()
    assert firm.supplier_of(vendor) == supplier


def test_another_ladder_decides_everybody_anew(
    firm: VendorOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    similar, alike = firm.vendor("Zorendis"), firm.supplier("Zorendis B.V.", "902")
    firm.open()
    monkeypatch.setattr(ladder.Ladder, "_doubts_of_open_form", lambda *_: iter(()))
    firm.compare()
    assert firm.link(similar) is None, "nothing has changed that a comparison looks at"
    monkeypatch.setattr(ladder, "VERSION", ladder.VERSION + 1)
    firm.compare()
    assert firm.supplier_of(similar) == alike


def _with_policy(firm: VendorOffice, **policy: object) -> Connection:
    config = firm.connection().model_dump(mode="json")
    return Connection.model_validate(config | {"vendors": policy})


def test_a_rejected_pair_is_not_proposed_until_one_of_them_changes(firm: VendorOffice) -> None:
    vendor, supplier = firm.vendor("Zorendis"), firm.supplier("Zorendis B.V.", "902")
    firm.open()
    id = firm.vendor_id(vendor)
    reject(firm.doors, firm.person, FIRM, CODE, id, supplier, "another company")
    firm.work()
    assert firm.offered(vendor) == []
    firm.hear(vendor)
    firm.compare()
    assert firm.offered(vendor) == []
    firm.change_account(supplier, City="Gent")
    assert firm.offered(vendor) == [supplier]
    assert "rejected" in firm.vendor_steps(vendor)


def test_an_unlinked_pair_stays_apart_however_certain_it_is(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    id = firm.vendor_id(vendor)
    unlink(firm.doors, firm.person, FIRM, CODE, id, "the wrong Kanimo")
    firm.work()
    firm.hear(vendor)
    firm.compare()
    assert firm.link(vendor) is None
    assert firm.offered(vendor) == []
    vendor["email"] = "info@kanimo.example"
    firm.hear(vendor)
    assert firm.supplier_of(vendor) == supplier


def test_a_link_by_hand_is_never_replaced(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    other = firm.supplier("Zorendis GmbH", "902")
    firm.open()
    link(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(vendor), "902", "they use this one")
    vendor["erp_reference_id"] = supplier
    firm.hear(vendor)
    firm.compare()
    assert firm.supplier_of(vendor) == other


def test_the_connection_file_links_by_hand(firm: VendorOffice) -> None:
    vendor, supplier = firm.vendor("Trade name"), firm.supplier("Kanimo B.V.", "901")
    firm.open_with(mappings={"suppliers": {vendor["id"]: "901"}})
    found = firm.link(vendor)
    assert found is not None
    assert (found.supplier, found.decided_by) == (supplier, "connection_file")


def test_what_cannot_be_decided_by_hand_says_why(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    other = firm.vendor("Zorendis GmbH")
    blocked = firm.supplier("Lindex SRL", "903", Blocked=True)
    firm.open()
    doors, person, id = firm.doors, firm.person, firm.vendor_id(other)
    refusals: dict[str, Callable[[], object]] = {
        "NOTHING_PROPOSED": lambda: accept(doors, person, FIRM, CODE, id),
        "SUPPLIER_TAKEN": lambda: link(doors, person, FIRM, CODE, id, supplier),
        "SUPPLIER_UNUSABLE": lambda: link(doors, person, FIRM, CODE, id, blocked),
        "SUPPLIER_UNKNOWN": lambda: link(doors, person, FIRM, CODE, id, "4711"),
        "DIVISION_UNKNOWN": lambda: link(doors, person, FIRM, 7, id, "901"),  # type: ignore[arg-type]
        "VENDOR_UNKNOWN": lambda: link(doors, person, FIRM, CODE, "nobody", "901"),  # type: ignore[arg-type]
        "NOT_LINKED": lambda: unlink(doors, person, FIRM, CODE, id),
    }
    for code, act in refusals.items():
        with pytest.raises(Review) as refused:
            act()
        assert [found.code for found in refused.value.problems] == [code]
        assert problem(code, "x").remedy.endswith(".")
    assert firm.vendor_record(other).version == 0
    assert firm.supplier_of(vendor) == supplier


def test_a_new_namesake_makes_no_link_and_breaks_none(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.supplier("KANIMO BV", "902")
    twin = firm.vendor("Kanimo BV")
    firm.read_exact()
    firm.hear(twin)
    assert firm.supplier_of(vendor) == supplier
    assert firm.open_codes(vendor) == []
    assert firm.link(twin) is None


def test_removing_a_namesake_lets_the_other_be_linked(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    twin = firm.vendor("Kanimo BV")
    firm.open()
    assert (firm.link(vendor), firm.link(twin)) == (None, None)
    firm.airbase.remove_vendor(twin)
    firm.hear(twin)
    assert firm.supplier_of(vendor) == supplier


def test_a_list_longer_than_a_page_and_a_run_cut_off(
    firm: VendorOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [firm.pair(f"Kanimo {at:03} B.V.", str(1000 + at)) for at in range(260)]
    monkeypatch.setattr("ml_connector.workflows.vendors.runs._AT_A_TIME", _Impatient(3))
    firm.open()
    assert all(firm.supplier_of(vendor) == supplier for vendor, supplier in pairs)
    steps = firm.run_steps()
    assert steps[0] == "started"
    assert steps[-1] == "reconciled"
    assert steps.count("reached") > 50
    (gone, _) = pairs[7]
    firm.airbase.remove_vendor(gone)
    firm.compare()
    assert firm.open_codes(gone) == ["VENDOR_GONE"]


def test_a_run_goes_on_at_the_page_that_failed(firm: VendorOffice) -> None:
    pairs = [firm.pair(f"Kanimo {at:03} B.V.", str(1000 + at)) for at in range(260)]
    firm.open()
    asked: list[str] = []

    def fail_once(request: Request) -> Fault | None:
        if request.path.endswith("/vendors/"):
            asked.append(request.query["page"])
        return Fault("unavailable") if asked == ["1", "2"] else None

    firm.airbase.on_call = fail_once
    firm.compare()
    firm.wait(minutes=5)
    firm.wait(minutes=5)
    assert asked == ["1", "2", "2"]
    assert firm.run_steps()[-1] == "reconciled"
    assert [firm.open_codes(vendor) for vendor, _ in pairs] == [[]] * 260


class _Impatient:
    """A time limit that is over at every third look."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.asked = 0

    def __lt__(self, _: object) -> bool:
        self.asked += 1
        return self.asked % self.every == 0


def test_an_unreadable_vendor_stops_no_other_and_is_not_gone(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    other, _ = firm.pair("Zorendis GmbH", "902")
    firm.open()
    other["name"] = ["not", "text"]
    late, its = firm.pair("Lindex SRL", "903")
    firm.read_exact()
    firm.compare()
    assert firm.supplier_of(late) == its
    assert firm.link(other) is not None
    assert firm.open_codes(other) == []
    assert firm.supplier_of(vendor) == supplier


def test_airbase_away_is_waited_for(firm: VendorOffice) -> None:
    firm.open()
    vendor, supplier = firm.pair()
    firm.read_exact()
    firm.airbase.on_call = lambda _: Fault("unavailable")
    firm.hear(vendor)
    firm.compare()
    assert firm.link(vendor) is None
    firm.airbase.on_call = None
    firm.wait(minutes=40)
    firm.wait(minutes=1)
    assert firm.supplier_of(vendor) == supplier
    assert firm.vendor_record(vendor).due_at is None
    assert firm.run_steps()[-1] == "reconciled"
