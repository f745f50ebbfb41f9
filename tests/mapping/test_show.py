"""What is unmapped is what planning would refuse; the proposals are what planning would take."""

import httpx
import pytest

from connector_cli.actions.mapping import verbs
from connector_cli.actions.mapping.books import LoadedBooks
from connector_cli.actions.mapping.overview import Row
from connector_cli.complaints import Complaint
from local.miniature import Hosts
from local.office import FIRM, Office
from ml_connector.faults import Later
from ml_connector.ids import Division
from tests.mapping.conftest import OfficeStack, furnish, order_to_map

NL, BE = Division(2101), Division(2102)


def rows(stack: OfficeStack, **options: object) -> dict[tuple[int | None, str, str], Row]:
    found = verbs.show(stack, FIRM, **options).rows  # type: ignore[arg-type]
    return {(row.division, row.kind, row.airbase): row for row in found}


def test_an_orders_words_are_unmapped_with_proposals(fresh: OfficeStack) -> None:
    order_to_map(fresh.office)
    found = rows(fresh, division=NL, unmapped=True)
    said = {
        key[1:]: (row.state, row.code, [(p.exact, p.why) for p in row.proposals], row.orders)
        for key, row in found.items()
        if row.orders
    }
    vendor = fresh.office.firm.vendors["Nieuwkomer Catering"]["airbase_id"]
    assert said == {
        ("gl_accounts", "Reizen"): ("unmapped", "UNKNOWN_GL_ACCOUNT", [], 1),
        ("cost_centres", "mkt"): ("unmapped", "UNKNOWN_COST_CENTRE", [("MKT", "same code")], 1),
        ("vat_codes", "High"): ("unmapped", "UNKNOWN_VAT_CODE", [], 1),
        ("payment_conditions", "Net 30"): ("unmapped", "UNKNOWN_PAYMENT_CONDITION", [], 1),
        ("suppliers", vendor): ("unmapped", "UNKNOWN_VENDOR", [], 1),
    }


def test_it_says_of_an_order_what_its_posting_says(fresh: OfficeStack) -> None:
    """The codes of the things of each order are those of its exceptions."""
    office = fresh.office
    line = office.airbase.line
    for number, account in enumerate(("4100", "4600", "4700", "4800", "9999", "4200")):
        office.airbase.orders.clear()
        order = office.order(f"PO-{number}", lines=[line(account, "10.00")])
        office.post(order)
        shown = [row.code for key, row in rows(fresh, division=NL, unmapped=True).items()
                 if row.orders and key[2] == account]  # fmt: skip
        assert shown == office.codes(order), account


def test_a_listed_account_is_looked_at_in_every_division(fresh: OfficeStack) -> None:
    found = rows(fresh, kind="gl_accounts", unmapped=True)
    unmapped = {key[0]: row for key, row in found.items() if key[2] == "acc-x44"}
    assert set(unmapped) == {2101, 2102, 2103}
    assert {(p.exact, p.why) for row in unmapped.values() for p in row.proposals} == {
        ("4400", "same name")
    }


def test_an_account_of_one_subsidiary_is_looked_at_there_alone(fresh: OfficeStack) -> None:
    own = [{"airbase_id": "sub-be", "erp_reference_id": ""}]
    fresh.office.airbase.accounts["acc-x44"]["subsidiary_reference_ids"] = own
    found = rows(fresh, kind="gl_accounts", unmapped=True)
    assert [key[0] for key in found if key[2] == "acc-x44"] == [BE]


def test_several_items_that_fit_are_proposed(fresh: OfficeStack) -> None:
    fresh.office.order(lines=[fresh.office.airbase.line("4800", "10.00")])
    row = rows(fresh)[NL, "items", "4800"]
    assert (row.state, row.code) == ("unmapped", "SEVERAL_CARRIER_ITEMS")
    assert [p.name.split()[0] for p in row.proposals] == ["TRIP-1", "TRIP-2"]


def test_an_item_on_stock_is_no_proposal(fresh: OfficeStack) -> None:
    fresh.office.order(lines=[fresh.office.airbase.line("4700", "10.00")])
    row = rows(fresh)[NL, "items", "4700"]
    assert (row.code, row.proposals) == ("NO_CARRIER_ITEM", ())


def test_a_subsidiary_without_a_division_is_proposed_one_by_name(fresh: OfficeStack) -> None:
    row = rows(fresh, kind="subsidiaries", unmapped=True)[None, "subsidiaries", "sub-new"]
    assert (row.name, row.proposals[0].exact) == ("Noorderlicht België", "2102")


def test_a_mapping_to_what_is_blocked_is_unusable(fresh: OfficeStack) -> None:
    config = fresh.office.config(mappings={"gl_accounts": {"acc-x44": "4600", "gone": "4242"}})
    fresh.office.connect(**config)
    found = rows(fresh, division=NL, kind="gl_accounts", unmapped=True)
    blocked, gone = found[NL, "gl_accounts", "acc-x44"], found[NL, "gl_accounts", "gone"]
    assert (blocked.state, blocked.exact, blocked.code) == (
        "unusable",
        "4600",
        "GL_ACCOUNT_BLOCKED",
    )
    assert (gone.state, gone.code) == ("unusable", "UNKNOWN_GL_ACCOUNT")


def test_what_stops_most_orders_comes_first(fresh: OfficeStack) -> None:
    office = fresh.office
    for turn in range(3):
        office.order(f"PO-{turn}", lines=[office.airbase.line("9001", "10.00")])
    office.order("PO-9", lines=[office.airbase.line("9002", "10.00")])
    found = [row.airbase for row in verbs.show(fresh, FIRM).rows][:2]
    assert found == ["9001", "9002"]


def test_denied_orders_and_odd_ones_do_no_harm(fresh: OfficeStack) -> None:
    office = fresh.office
    office.order("PO-1", lines=[office.airbase.line("9001", "10.00")], status="denied")
    broken = office.order("PO-2", lines=[office.airbase.line("9002", "ten")], total="1.00")
    broken["subsidiary"] = None
    office.airbase.orders["odd"] = {"id": "odd", "expense_list": "none"}
    shown = verbs.show(fresh, FIRM)
    assert not [row for row in shown.rows if row.airbase in ("9001", "9002")]
    assert shown.orders == 2


def test_tags_without_a_meaning_are_named(fresh: OfficeStack) -> None:
    office = fresh.office
    tags = [office.airbase.tag("Colour", "red")]
    office.order(lines=[office.airbase.line("4100", "10.00", tags=tags)])
    assert verbs.show(fresh, FIRM).unknown_tags == ["Colour"]


def test_a_division_that_was_never_read_is_left_out_and_named(office: Office) -> None:
    furnish(office)
    connection = office.connect()
    reference = office.mini.tables.reference
    reference.delete(f"{connection.id}#{BE}", "reading#sync/CRM/Accounts")
    shown = verbs.show(OfficeStack(office), FIRM)
    assert shown.not_read == [BE]
    assert {row.division for row in shown.rows} == {None, 2101, 2103}


def test_a_tenant_without_lists_shows_its_orders(fresh: OfficeStack) -> None:
    order_to_map(fresh.office)
    paths = {"accounts_path": None, "subsidiaries_path": None}
    fresh.office.connect(profile=paths)
    found = rows(fresh, division=NL, kind="gl_accounts")
    assert [key[2] for key in found] == ["Reizen"]


def test_wrong_options_are_refused(stack: OfficeStack) -> None:
    with pytest.raises(Complaint, match="has no division 9; it has 2101"):
        verbs.show(stack, FIRM, division=9)
    with pytest.raises(Complaint, match="is no kind: use one of subsidiaries"):
        verbs.show(stack, FIRM, kind="colours")


def test_airbase_away_is_said(fresh: OfficeStack) -> None:
    class Nobody(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("nobody", request=request)

    routes = {"exact.test": fresh.office.exact.transport(), "airbase.test": Nobody()}
    fresh.office.mini.transport = Hosts(routes)
    fresh.office.doors = fresh.office.mini.doors()
    with pytest.raises(Later, match="AIRBASE_UNREACHABLE"):
        verbs.show(fresh, FIRM)


def test_books_read_at_once_say_what_single_look_ups_say(stack: OfficeStack) -> None:
    doors, connection = stack.doors, stack.connection(FIRM)
    for division in connection.divisions:
        data = doors.data(connection.id, division.division)
        loaded = LoadedBooks(data, doors.links, connection.id, division.division)
        single = doors.books(connection, division.division)
        assert loaded.accounts
        for account in loaded.accounts:
            for key in (account.id, account.code, account.id.upper(), f" {account.code} "):
                assert loaded.gl_account(key) == single.gl_account(key) == account
            assert sorted(i.id for i in loaded.carriers(account.id)) == sorted(
                i.id for i in single.carriers(account.id)
            )
        for item in loaded.items:
            assert loaded.item(item.id) == single.item(item.id) == item
        for kind, codes in loaded.codes.items():
            for code in [*codes, "nothing"]:
                assert loaded.code(kind, code) == single.code(kind, code)
        assert loaded.gl_account("nothing") is single.gl_account("nothing") is None
