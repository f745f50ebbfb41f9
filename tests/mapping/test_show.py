"""Unmapped values are those that stop an order; proposals are values that an order accepts."""

import httpx
import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import Division
from ml_connector.domain.mapped_values import MappingRow
from ml_connector.mapping import import_export as verbs
from ml_connector.mapping.loaded_data import LoadedDivisionData
from ml_connector.user_errors import UserError
from tests.mapping.conftest import add_mapping_data, order_to_map
from tests.person_stack import PersonStack

NL, BE = Division("nl.2101"), Division("nl.2102")


def rows(stack: PersonStack, **options: object) -> dict[tuple[str | None, str, str], MappingRow]:
    found = verbs.show(stack.services_of(FIRM), **options).rows  # type: ignore[arg-type]
    return {(row.division, row.kind, row.airbase): row for row in found}


def test_unmapped_values_of_an_order_have_proposals(fresh: PersonStack) -> None:
    order_to_map(fresh.env)
    found = rows(fresh, division=NL, unmapped=True)
    found_by_key = {
        key[1:]: (row.state, row.code, [(p.exact, p.why) for p in row.proposals], row.orders)
        for key, row in found.items()
        if row.orders
    }
    vendor = fresh.env.firm.vendors["Nieuwkomer Catering"]["airbase_id"]
    assert found_by_key == {
        ("gl_accounts", "Reizen"): ("unmapped", "UNKNOWN_GL_ACCOUNT", [], 1),
        ("cost_centres", "mkt"): ("unmapped", "UNKNOWN_COST_CENTRE", [("MKT", "same code")], 1),
        ("vat_codes", "High"): ("unmapped", "UNKNOWN_VAT_CODE", [], 1),
        ("payment_conditions", "Net 30"): ("unmapped", "UNKNOWN_PAYMENT_CONDITION", [], 1),
        ("suppliers", vendor): ("unmapped", "UNKNOWN_VENDOR", [], 1),
    }


def test_unmapped_values_have_the_codes_that_posting_raises(fresh: PersonStack) -> None:
    """The codes of the values of each order are those of its exceptions."""
    env = fresh.env
    line = env.airbase.line
    for number, account in enumerate(("4100", "4600", "4700", "4800", "9999", "4200")):
        env.airbase.orders.clear()
        order = env.order(f"PO-{number}", lines=[line(account, "10.00")])
        env.post(order)
        shown = [row.code for key, row in rows(fresh, division=NL, unmapped=True).items()
                 if row.orders and key[2] == account]  # fmt: skip
        assert shown == env.codes(order), account


def test_a_listed_account_is_checked_in_every_division(fresh: PersonStack) -> None:
    found = rows(fresh, kind="gl_accounts", unmapped=True)
    unmapped = {key[0]: row for key, row in found.items() if key[2] == "acc-x44"}
    assert set(unmapped) == {"nl.2101", "nl.2102", "nl.2103"}
    assert {(p.exact, p.why) for row in unmapped.values() for p in row.proposals} == {
        ("4400", "same name")
    }


def test_an_account_of_one_subsidiary_is_checked_in_its_division_only(fresh: PersonStack) -> None:
    own = [{"airbase_id": "sub-be", "erp_reference_id": ""}]
    fresh.env.airbase.accounts["acc-x44"]["subsidiary_reference_ids"] = own
    found = rows(fresh, kind="gl_accounts", unmapped=True)
    assert [key[0] for key in found if key[2] == "acc-x44"] == [BE]


def test_several_usable_items_are_proposed(fresh: PersonStack) -> None:
    fresh.env.order(lines=[fresh.env.airbase.line("4800", "10.00")])
    row = rows(fresh)[NL, "items", "4800"]
    assert (row.state, row.code) == ("unmapped", "SEVERAL_CARRIER_ITEMS")
    assert [p.name.split()[0] for p in row.proposals] == ["TRIP-1", "TRIP-2"]


def test_a_stock_item_is_not_proposed(fresh: PersonStack) -> None:
    fresh.env.order(lines=[fresh.env.airbase.line("4700", "10.00")])
    row = rows(fresh)[NL, "items", "4700"]
    assert (row.code, row.proposals) == ("NO_CARRIER_ITEM", ())


def test_a_subsidiary_without_a_division_is_proposed_one_by_name(fresh: PersonStack) -> None:
    row = rows(fresh, kind="subsidiaries", unmapped=True)[None, "subsidiaries", "sub-new"]
    assert (row.name, row.proposals[0].exact) == ("Noorderlicht België", "nl.2102")


def test_a_mapping_to_a_blocked_account_is_unusable(fresh: PersonStack) -> None:
    config = fresh.env.config(mappings={"gl_accounts": {"acc-x44": "4600", "gone": "4242"}})
    fresh.env.connect(**config)
    found = rows(fresh, division=NL, kind="gl_accounts", unmapped=True)
    blocked, gone = found[NL, "gl_accounts", "acc-x44"], found[NL, "gl_accounts", "gone"]
    assert (blocked.state, blocked.exact, blocked.code) == (
        "unusable",
        "4600",
        "GL_ACCOUNT_BLOCKED",
    )
    assert (gone.state, gone.code) == ("unusable", "UNKNOWN_GL_ACCOUNT")


def test_what_stops_most_orders_comes_first(fresh: PersonStack) -> None:
    env = fresh.env
    for turn in range(3):
        env.order(f"PO-{turn}", lines=[env.airbase.line("9001", "10.00")])
    env.order("PO-9", lines=[env.airbase.line("9002", "10.00")])
    found = [row.airbase for row in verbs.show(fresh.services_of(FIRM)).rows][:2]
    assert found == ["9001", "9002"]


def test_denied_and_unreadable_orders_are_skipped(fresh: PersonStack) -> None:
    env = fresh.env
    env.order("PO-1", lines=[env.airbase.line("9001", "10.00")], status="denied")
    broken = env.order("PO-2", lines=[env.airbase.line("9002", "ten")], total="1.00")
    broken["subsidiary"] = None
    env.airbase.orders["odd"] = {"id": "odd", "expense_list": "none"}
    shown = verbs.show(fresh.services_of(FIRM))
    assert not [row for row in shown.rows if row.airbase in ("9001", "9002")]
    assert shown.orders == 2


def test_unmapped_tag_labels_are_listed(fresh: PersonStack) -> None:
    env = fresh.env
    tags = [env.airbase.tag("Colour", "red")]
    env.order(lines=[env.airbase.line("4100", "10.00", tags=tags)])
    assert verbs.show(fresh.services_of(FIRM)).unknown_tags == ["Colour"]


def test_a_division_that_was_never_read_is_omitted_and_listed(env: InMemoryEnvironment) -> None:
    add_mapping_data(env)
    connection = env.connect()
    reference = env.memory.tables.reference
    reference.delete(f"{connection.id}#{BE}", "reading#sync/CRM/Accounts")
    shown = verbs.show(PersonStack(env).services_of(FIRM))
    assert shown.not_read == [BE]
    assert {row.division for row in shown.rows} == {None, "nl.2101", "nl.2103"}


def test_a_tenant_without_lists_shows_the_values_of_its_orders(fresh: PersonStack) -> None:
    order_to_map(fresh.env)
    paths = {"accounts_path": None, "subsidiaries_path": None}
    fresh.env.connect(profile=paths)
    found = rows(fresh, division=NL, kind="gl_accounts")
    assert [key[2] for key in found] == ["Reizen"]


def test_invalid_options_are_refused(stack: PersonStack) -> None:
    with pytest.raises(UserError, match="has no division 9; it has"):
        verbs.show(stack.services_of(FIRM), division="9")
    with pytest.raises(UserError, match="is not a kind: use one of subsidiaries"):
        verbs.show(stack.services_of(FIRM), kind="colours")


def test_an_unreachable_airbase_is_reported(fresh: PersonStack) -> None:
    class Unreachable(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("unreachable", request=request)

    routes = {"exact.test": fresh.env.exact.transport(), "airbase.test": Unreachable()}
    fresh.env.memory.transport = Hosts(routes)
    vars(fresh)["services"] = fresh.env.memory.services()
    with pytest.raises(Later, match="AIRBASE_UNREACHABLE"):
        verbs.show(fresh.services_of(FIRM))


def test_loaded_data_equal_single_look_ups(stack: PersonStack) -> None:
    services = stack.services_of(FIRM)
    for division in services.connection.divisions:
        data = services.reference_store(division.division)
        loaded = LoadedDivisionData(data, services.vendor_links, division.division)
        single = services.division_data(division.division)
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
