"""Divisions of a Premium licence have codes above 10,000,000: everything works with them."""

from pathlib import Path

import pytest

from local.firm import NL, SITE
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.ids import division_at
from ml_connector.health.ping import ping_connection
from ml_connector.mapping import import_export
from ml_connector.month_end.reconcile import reconcile
from ml_connector.vendors.review import spreadsheet, spreadsheet_import
from tests.month_end.month_stack import MonthStack
from tests.odd_answers.hostile import exceptions
from tests.odd_answers.premium import renumbered
from tests.person_stack import PERSON

LINES = "purchaseorder/PurchaseOrderLines"


@pytest.fixture(params=[10_000_007, 2**31 - 1])
def code(request: pytest.FixtureRequest, env: InMemoryEnvironment) -> int:
    """Connect the firm, whose Dutch division has this code."""
    code = renumbered(env, NL, request.param)
    divisions = env.config()["divisions"]
    divisions[0] = {**divisions[0], "division": code}
    env.connect(divisions=divisions)
    return code


def test_orders_are_posted_changed_and_compared(env: InMemoryEnvironment, code: int) -> None:
    order = env.order("PO-1")
    assert env.post(order).state == "posted"
    [posted] = env.exact.purchase_orders(code)
    env.clock.move(300)
    env.exact.change(code, LINES, posted["lines"][0]["ID"], UnitPrice=1300.0)
    for _ in range(30):
        env.wait(minutes=10)
    assert env.codes(order) == ["CHANGED_IN_EXACT"]
    report = reconcile(MonthStack(env), PERSON, FIRM, "2026-09")
    assert str(code) in repr(report.as_dict())


def test_mappings_and_vendors_go_through_files(
    env: InMemoryEnvironment, code: int, tmp_path: Path
) -> None:
    stack, mappings, vendors = MonthStack(env), tmp_path / "map.csv", tmp_path / "vendors.csv"
    mappings.write_text(
        f"division,kind,airbase,exact,note\n{code},gl_accounts,Reizen,4100,\n", "utf-8"
    )
    import_export.import_(stack, PERSON, FIRM, mappings)
    connection = stack.services.connections.whole(env.connection())
    found = connection.division(division_at(SITE, code))
    assert found is not None
    assert found.mappings.gl_accounts == {"Reizen": "4100"}
    import_export.export(stack.services_of(FIRM), mappings)
    assert f"{code},gl_accounts,Reizen,4100" in mappings.read_text("utf-8")

    spreadsheet.export(stack.services_of(FIRM), vendors)
    assert str(code) in vendors.read_text("utf-8")
    done = spreadsheet_import.import_spreadsheet(stack, PERSON, FIRM, vendors)
    assert done["unchanged"] == len(vendors.read_text("utf-8").splitlines()) - 1


def test_a_ping_names_it(env: InMemoryEnvironment, code: int) -> None:
    checks = ping_connection(env.services.bound(env.connection()))
    own = division_at(SITE, code)
    assert {c.scope for c in checks} >= {own}
    assert [c.check for c in checks if c.ok is False and c.scope == own] == ["webhooks"]
    assert exceptions(env) == []
