"""What people see and decide about vendors at the command line, in memory."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.firm import BE, NL
from local.in_memory.environment import FIRM
from ml_connector import clock
from tests.cli.vendor_terminal import VendorTerminal
from tests.person_stack import PERSON, PersonStack
from tests.vendors.vendor_environment import CODE, Row, VendorEnvironment


@pytest.fixture
def firm(caplog: pytest.LogCaptureFixture) -> Iterator[VendorEnvironment]:
    caplog.set_level("CRITICAL")
    yield VendorEnvironment()
    clock.read_from(clock.MovableClock())


@pytest.fixture
def terminal(firm: VendorEnvironment, monkeypatch: pytest.MonkeyPatch) -> VendorTerminal:
    stack = PersonStack(firm)
    monkeypatch.setattr("connector_cli.commands.common.open_stack", lambda _: stack)
    return VendorTerminal(firm.work)


def waiting_order(firm: VendorEnvironment, number: str, vendor: str) -> Row:
    """Return an order that waits for its vendor's link."""
    order = firm.order(number, NL, vendor=vendor)
    assert firm.post(order).state == "review"
    return order


def listed(terminal: VendorTerminal, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = terminal.type("list", FIRM, *words, "--json").data
    return found


def steps(terminal: VendorTerminal, vendor: str) -> list[tuple[str, str]]:
    trail = terminal.type("show", FIRM, vendor, "--json").data["trail"]
    return [(each["step"], each["actor"]) for each in trail]


def test_the_status_counts_every_division(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    firm.pair()
    zorendis = firm.vendor("Zorendis")
    firm.supplier("Zorendis V.O.F.", "902")
    firm.vendor("Nobody knows it")
    firm.open()
    waiting_order(firm, "PO-7", "Zorendis")
    blocked = firm.order("PO-8", NL, lines=[firm.airbase.line("4600", "10.00", "Petrol")])
    assert firm.post(blocked).state == "review"
    found = terminal.type("status", FIRM, "--json").data
    (here,) = found["divisions"]
    assert (found["comparison"], found["vendors"], here["active_vendors"]) == ("reconciled", 9, 9)
    assert here["linked"] == {"automatic": 6, "by_hand": 0, "connection_file": 0}
    assert (here["share_automatic"], here["share_by_hand"]) == (round(6 / 9, 4), 0.0)
    assert here["links_by_rule"] == {"account_code": 5, "name": 1}
    assert here["proposals_by_rule"] == {"name": 1}
    assert (here["proposals"], here["without_candidate"], here["rejected"]) == (1, 2, 0)
    assert (here["waiting_orders"], here["waiting_for_vendor"]) == (2, 1)
    assert here["share_waiting_for_vendor"] == 0.5
    assert here["reference"] == {"is_written_back": False, "written": 0, "missing": 1, "other": 5}
    terminal.type("accept", FIRM, zorendis["id"])
    (here,) = terminal.type("status", FIRM, "--json").data["divisions"]
    assert here["linked"] == {"automatic": 6, "by_hand": 1, "connection_file": 0}
    assert (here["proposals"], here["waiting_for_vendor"]) == (0, 0)
    table = terminal.type("status", FIRM).out
    assert "account_code 5" in table
    assert "6 (66.7%)" in table


def test_vendors_with_waiting_orders_are_listed_first_with_evidence(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    similar = firm.supplier("Kanimo Techniek B.V.", "903")
    firm.vendor("Kanimo Tehcniek")
    firm.vendor("Zorendis")
    zorendis = firm.supplier("Zorendis V.O.F.", "902")
    firm.vendor("Quite unknown")
    firm.open()
    assert {each["name"] for each in listed(terminal)} == {"Kanimo Tehcniek", "Zorendis"}
    for number, vendor in (("PO-7", "Zorendis"), ("PO-8", "Zorendis"), ("PO-9", "Quite unknown")):
        waiting_order(firm, number, vendor)
    first, second, third = listed(terminal)
    assert (first["name"], first["orders"]) == ("Zorendis", ["PO-7", "PO-8"])
    assert (second["name"], second["candidates"]) == ("Quite unknown", [])
    (candidate,) = first["candidates"]
    assert (candidate["id"], candidate["code"], candidate["name"]) == (
        zorendis, "902", "Zorendis V.O.F.",
    )  # fmt: skip
    assert (first["rule"], bool(first["evidence"])) == ("name", True)
    assert (third["orders"], third["candidates"][0]["id"]) == ([], similar)
    assert 0 < third["candidates"][0]["score"] < candidate["score"]
    assert listed(terminal, "--waiting") == [first, second]
    assert listed(terminal, "--limit", "1") == [first]
    assert listed(terminal, "--rule", "similar_name") == [third]
    assert listed(terminal, "--rule", "iban") == []
    assert listed(terminal, "--division", str(NL.division)) == [first, second, third]
    shown = terminal.type("list", FIRM).out
    assert shown.index("PO-7") < shown.index("902 Zorendis V.O.F.") < shown.index("link it by hand")
    assert terminal.type("list", FIRM, "--rule", "iban").out == "Nothing is proposed.\n"


def test_a_proposal_is_accepted_by_vendor_name_and_its_orders_are_posted(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor, supplier = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    firm.open()
    order = waiting_order(firm, "PO-7", "Zorendis")
    said = terminal.type("accept", FIRM, " zorendis").out
    assert said.splitlines() == [
        f"Zorendis ({vendor['id']}) is now 902 Zorendis V.O.F. in division nl.2101.",
        "Queued 1: PO-7.",
    ]
    assert firm.record(order).state == "posted"
    link = firm.link(vendor)
    assert link is not None
    assert (link.supplier, link.rule, link.decided_by) == (supplier, "by_hand", PERSON)
    assert ("linked", PERSON) in steps(terminal, vendor["id"])
    assert listed(terminal) == []
    again = terminal.wrong("accept", FIRM, "Zorendis")
    assert "nothing is proposed for Zorendis" in again


def test_another_candidate_is_accepted_when_it_is_named(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor = firm.vendor("Zorendis")
    suppliers = {
        "902": firm.supplier("Zorendis V.O.F.", "902"),
        "903": firm.supplier("Zorendis NV", "903"),
    }
    firm.open()
    (found,) = listed(terminal)
    worse = found["candidates"][1]["code"]
    assert "these fit equally well: 90" in terminal.wrong("accept", FIRM, vendor["id"])
    assert "901 is not proposed" in terminal.wrong(
        "accept", FIRM, vendor["id"], "--supplier", "901"
    )
    done = terminal.type("accept", FIRM, vendor["id"], "--supplier", worse, "--json").data
    assert done["supplier"]["code"] == worse
    assert firm.supplier_of(vendor) == suppliers[worse]


def test_a_rejected_pair_does_not_come_back(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor, supplier = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    firm.open()
    words = ("--supplier", "902", "--reason", "another company")
    assert "is not 902 Zorendis V.O.F." in terminal.type("reject", FIRM, "Zorendis", *words).out
    for check in (firm.work, lambda: firm.receive_webhook(vendor), firm.reconcile, firm.refresh):
        check()
        assert listed(terminal) == []
    found = terminal.type("show", FIRM, vendor["id"], "--json").data
    (rejection,) = found["divisions"][0]["rejections"]
    assert (rejection["by"], rejection["reason"], rejection["holds"]) == (
        PERSON, "another company", True,
    )  # fmt: skip
    firm.change_account(supplier, City="Gent")
    assert [each["vendor"] for each in listed(terminal)] == [vendor["id"]]
    assert "no longer: the data changed" in terminal.type("show", FIRM, vendor["id"]).out


def test_a_vendor_is_linked_by_hand_and_unlinked(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor, supplier = firm.vendor("Trade name"), firm.supplier("Legal name B.V.", "902")
    firm.open()
    order = waiting_order(firm, "PO-7", "Trade name")
    braced = "{" + supplier.upper() + "}"
    words = ("link", FIRM, "Trade name", braced, "--division", "2101", "--reason", "by contract")
    assert terminal.type(*words, "--json").data["orders"] == ["PO-7"]
    assert firm.record(order).state == "posted"
    terminal.type("unlink", FIRM, vendor["id"], "--reason", "the wrong one")
    assert firm.link(vendor) is None
    later = waiting_order(firm, "PO-8", "Trade name")
    firm.reconcile()
    assert firm.link(vendor) is None
    terminal.type("link", FIRM, vendor["id"], "902", "--reason", "it was right")
    assert firm.record(later).state == "posted"
    made = [step for step in steps(terminal, vendor["id"]) if step[0] in {"linked", "unlinked"}]
    assert made == [("linked", PERSON), ("unlinked", PERSON), ("linked", PERSON)]


def test_a_vendor_is_shown_from_both_sides(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, Name="Quite another B.V.")
    found = terminal.type("show", FIRM, vendor["id"], "--json").data
    (here,) = found["divisions"]
    assert (found["vendor"]["name"], found["in_airbase"]) == ("Kanimo B.V.", True)
    assert here["link"]["supplier"]["name"] == "Quite another B.V."
    assert (here["link"]["rule"], here["link"]["decided_by"]) == ("name", "automatic")
    assert here["link"]["doubt"] == here["exception"]["code"] == "NAME_CHANGED"
    assert here["proposal"]["candidates"][0]["id"] == supplier
    assert [each["step"] for each in found["trail"]] == ["linked", "doubted"]
    printed = terminal.type("show", FIRM, "Kanimo B.V.").out
    assert "901 Quite another B.V." in printed
    assert "same name" in printed
    assert "in doubt: NAME_CHANGED" in printed
    terminal.type("accept", FIRM, vendor["id"])
    assert firm.open_codes(vendor) == []


def test_a_deleted_vendor_or_supplier_is_shown_and_unlinked(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor, _ = firm.pair()
    other, lost = firm.pair("Zorendis V.O.F.", "902")
    firm.open()
    firm.airbase.remove_vendor(vendor)
    firm.receive_webhook(vendor)
    firm.remove_account(lost)
    assert "not in Airbase's list" in terminal.type("show", FIRM, vendor["id"]).out
    assert "which Exact no longer has" in terminal.type("show", FIRM, other["id"]).out
    terminal.type("unlink", FIRM, vendor["id"], "--reason", "gone")
    words = ("--supplier", lost, "--reason", "gone")
    terminal.type("reject", FIRM, other["id"], *words)
    assert (firm.link(vendor), firm.link(other)) == (None, None)


def test_the_division_is_required_only_with_several_possibilities(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor = firm.vendor("Zorendis")
    here = firm.supplier("Zorendis V.O.F.", "902")
    there = firm.exact.add_supplier(BE.division, "Zorendis VZW", code="902")
    firm.connect()
    id = vendor["id"]
    said = terminal.wrong("accept", FIRM, id)
    assert "give --division: it can be nl.2101, nl.2102" in said
    assert "nl.2101, nl.2102" in terminal.wrong("link", FIRM, id, "902", "--reason", "x")
    done = terminal.type("accept", FIRM, id, "--supplier", there, "--json").data
    assert done["division"] == BE.key
    assert firm.link(vendor) is None
    assert terminal.type("accept", FIRM, id, "--json").data["division"] == NL.key
    assert firm.supplier_of(vendor) == here
    assert "nl.2101, nl.2102" in terminal.wrong("unlink", FIRM, id, "--reason", "x")
    terminal.type("unlink", FIRM, id, "--division", "2101", "--reason", "x")
    assert terminal.type("unlink", FIRM, id, "--reason", "x", "--json").data["division"] == BE.key


def test_wrong_input_is_refused_in_one_line_and_changes_nothing(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor, _ = firm.pair()
    other = firm.vendor("Zorendis")
    firm.vendor("zorendis ")
    lines = firm.vendor("Two\nlines")
    firm.supplier("Lindex SRL", "903", Blocked=True)
    firm.open()
    before = [table.items() for table in (firm.memory.tables.mappings, firm.memory.tables.ledger)]  # type: ignore[attr-defined]
    id, why = other["id"], ("--reason", "x")
    cases = {
        "there is no connection 'nobody'": ("status", "nobody"),
        "has no division 9; it has nl.2101": ("list", FIRM, "--division", "9"),
        "has no vendor 'nobody'": ("show", FIRM, "nobody"),
        "2 vendors are called 'Zorendis': give an id": ("show", FIRM, "Zorendis"),
        "nothing is proposed for Zorendis": ("accept", FIRM, id),
        "nothing is proposed for Two lines;": ("accept", FIRM, "two lines"),
        "proposed for Two lines in": ("accept", FIRM, lines["id"], "--division", "2101"),
        "nothing is proposed for Zorendis in division nl.2101": (
            "accept", FIRM, id, "--division", "2101",
        ),
        "SUPPLIER_UNUSABLE": ("link", FIRM, id, "903", *why),
        "has a supplier '4711'": ("link", FIRM, id, "4711", *why),
        "SUPPLIER_UNKNOWN: 4711": ("link", FIRM, id, "4711", "--division", "2101", *why),
        "SUPPLIER_UNKNOWN: 4712": ("reject", FIRM, id, "--supplier", "4712", *why),
        "Zorendis is not linked": ("unlink", FIRM, id, *why),
        "NOT_LINKED": ("unlink", FIRM, id, "--division", "2101", *why),
        "give a reason": ("unlink", FIRM, vendor["id"], "--reason", " "),
    }  # fmt: skip
    for said, words in cases.items():
        assert said in terminal.wrong(*words), words
    after = [table.items() for table in (firm.memory.tables.mappings, firm.memory.tables.ledger)]  # type: ignore[attr-defined]
    assert after == before
    assert firm.services_of().vendor_links.get(CODE, firm.vendor_id(vendor))


@pytest.mark.parametrize(
    "words",
    [
        ("link", FIRM, "a", "b"),
        ("reject", FIRM, "a", "--reason", "x"),
        ("unlink", FIRM, "a"),
        ("list", FIRM, "--limit", "0"),
        ("list", FIRM, "--division", "north"),
    ],
    ids=" ".join,
)
def test_missing_arguments_are_refused(terminal: VendorTerminal, words: tuple[str, ...]) -> None:
    assert terminal.refused("vendors", *words)


def test_suppliers_that_serve_several_vendors_are_listed(
    firm: VendorEnvironment, terminal: VendorTerminal
) -> None:
    vendor, supplier = firm.pair()
    again, other = firm.vendor("KANIMO BV"), firm.vendor("Zorendis GmbH")
    firm.open()
    terminal.type("link", FIRM, other["id"], "901", "--reason", "its trade name")
    (found,) = terminal.type("shared", FIRM, "--json").data
    assert (found["supplier"], found["code"], found["division"]) == (supplier, "901", NL.key)
    by = {each["vendor"]: each["decided_by"] for each in found["vendors"]}
    assert by == {vendor["id"]: "automatic", again["id"]: "automatic", other["id"]: PERSON}
    assert "901 Kanimo B.V. (division nl.2101)" in terminal.type("shared", FIRM).out
    terminal.type("unlink", FIRM, other["id"], "--reason", "x")
    terminal.type("unlink", FIRM, again["id"], "--reason", "x")
    assert "No supplier serves several" in terminal.type("shared", FIRM).out
