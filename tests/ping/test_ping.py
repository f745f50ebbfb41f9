"""A ping tells what is wrong, each fault in its own line, and changes nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local.exact_simulator import Fault as ExactFault
from local.firm import BE, BRANCHES, NL
from local.miniature import Hosts
from local.office import FIRM, Office
from local.simulation import Fault as AirbaseFault
from ml_connector import clock
from ml_connector.codes import EXPLANATIONS, problem
from ml_connector.connection import Connection
from ml_connector.doors.coordination import ErrorWindow
from ml_connector.doors.vault import AIRBASE_KEY
from ml_connector.exact import subscriptions
from ml_connector.faults import Halt
from ml_connector.workflows.ping.checks import Check
from ml_connector.workflows.ping.connection import ping
from ml_connector.workflows.ping.probes import probes_of

CALLBACK = "https://callback.test"
CONSENT = "connector connection consent"


@pytest.fixture
def firm(office: Office) -> Office:
    """The firm, connected and subscribed, with one posted order, in a fresh minute."""
    office.exact.webhooks.deliver = lambda _url, _body: 200
    connection = office.connect()
    gateway = office.doors.exact(connection)
    for each in connection.divisions:
        topics = connection.exact_topics
        assert not subscriptions.ensure(gateway, each.division, topics, CALLBACK).problems
    assert office.post(office.order()).state == "posted"
    office.clock.move(61)
    return office


def pinged(office: Office, connection: Connection | None = None) -> list[Check]:
    """Ping as a fresh process does."""
    return ping(office.mini.doors("connector"), connection or office.connection())


def red(checks: list[Check]) -> dict[tuple[int | None, str], Check]:
    return {(c.division, c.check): c for c in checks if c.ok is False}


def only(checks: list[Check]) -> Check:
    (found,) = red(checks).values()
    return found


def unknown(checks: list[Check]) -> list[str]:
    return [c.check for c in checks if c.ok is None]


def test_a_healthy_firm_is_all_green(firm: Office) -> None:
    checks = pinged(firm)
    assert [(c.division, c.check, c.cause) for c in checks if c.ok is not True] == []
    assert {c.division for c in checks} == {None, *(b.division for b in BRANCHES)}
    assert all(c.detail and not c.code and not c.remedy for c in checks)
    said = {c.check: c.detail for c in checks if c.division in {None, NL.division}}
    assert said["airbase_order"] == "Order PO-1 was read."
    assert said["airbase_vendor"] == "Vendor Cloudwerk was read."
    assert "30.0 left" in said["consent"]
    assert said["purchase_order"].startswith("Order 1")
    assert said["webhooks"].endswith(CALLBACK + ".")


def test_it_writes_nothing(firm: Office) -> None:
    """But the counts of calls, which every call to Exact leaves."""
    firm.clock.move(600)  # the access token has expired: it is renewed as before any call

    def state() -> tuple[Any, ...]:
        world = firm.exact.world.divisions.values()
        tables = (firm.mini.tables.ledger, firm.mini.tables.audit, firm.mini.tables.inbox,
                  firm.mini.tables.mappings, firm.mini.tables.reference)  # fmt: skip
        return (
            [table.items() for table in tables],  # type: ignore[attr-defined]
            repr([(d.stamps, list(filter(None, d.rows.values())), d.deleted) for d in world]),
            repr((firm.airbase.orders, firm.airbase.vendors, firm.airbase.accounts)),
            list(firm.mini.queues.waiting),
        )

    def kinds() -> set[str]:
        return {str(item["pk"]).split("#")[1] for item in firm.mini.tables.coordination.items()}  # type: ignore[attr-defined]

    before, marks = state(), kinds()
    exact, airbase = len(firm.exact.calls), len(firm.airbase.calls)
    assert not red(pinged(firm))
    assert state() == before
    assert kinds() - marks <= {"leases", "marks"}
    methods = {(c.method, "oauth2" in c.path) for c in firm.exact.calls[exact:]}
    assert methods == {("GET", False), ("POST", True)}
    assert [c.method for c in firm.airbase.calls[airbase:]] == ["GET", "GET", "GET"]


def test_it_takes_few_calls(firm: Office) -> None:
    before = len(firm.exact.calls)
    pinged(firm)
    made = firm.exact.calls[before:]
    assert len(made) == 1 + 14 * len(BRANCHES)
    asked = [call.path for call in made if call.division == BE.division]
    assert len(asked) == len(set(asked)), "each endpoint once"


def every_option(office: Office) -> Connection:
    options = {"create_items": True, "link_supplier_items": True, "item_unit": "pc"}
    config = office.config(**options) | {"tag_dimensions": {"Job": "project"}}
    return Connection.model_validate(config)


def test_every_option_takes_a_few_more(firm: Office) -> None:
    connection = every_option(firm)
    assert len(probes_of(connection, connection.divisions[0])) == 18
    assert not red(pinged(firm, connection))


def test_it_asks_every_endpoint_that_the_connector_calls(office: Office) -> None:
    """Whatever posting, refreshing, providing and subscribing call is asked by the ping too."""
    office.exact.webhooks.deliver = lambda _url, _body: 200
    connection = office.connect(**every_option(office).model_dump(mode="json"))
    key = office.exact.add_gl_account(NL.division, "4700", "Training")
    office.wait(hours=25)
    line = office.airbase.line("4700", "100.00")
    office.exact.faults.append(
        ExactFault("timeout_after_commit", "POST", "purchaseorder/PurchaseOrders")
    )
    order = office.order(lines=[line])
    office.post(order)
    office.wait(minutes=5)
    assert key
    assert office.record(order).state == "posted"
    subscriptions.ensure(
        office.doors.exact(connection), connection.divisions[0].division, ["Items"], CALLBACK
    )
    called = {c.path.removeprefix("/api/v1/{division}/") for c in office.exact.calls}
    asked = {probe.path for probe in probes_of(connection, connection.divisions[0])}
    only_written = {"logistics/SupplierItem"}  # its stream is asked
    assert {path for path in called if not path.startswith("/")} - only_written <= asked


def revoke_old(office: Office) -> None:
    office.exact.revoke_consent()
    office.clock.move(600)


def test_a_revoked_consent_stops_the_ping_early(firm: Office) -> None:
    revoke_old(firm)
    before = len(firm.exact.calls)
    checks = pinged(firm)
    found = only(checks)
    assert (found.check, found.code) == ("user", "RECONNECT_NEEDED")
    assert CONSENT in found.remedy
    assert len(firm.exact.calls) - before == 1, "the refused renewal alone"
    assert len([c for c in unknown(checks) if c == "division"]) == len(BRANCHES)


def test_a_young_token_that_is_refused_says_what_to_do_if_it_stays(firm: Office) -> None:
    firm.exact.revoke_consent()
    before = len(firm.exact.calls)
    found = only(pinged(firm))
    assert (found.check, found.code) == ("user", "EXACT_UNAUTHORIZED")
    assert f"{CONSENT} {FIRM}" in found.remedy
    assert [c.status for c in firm.exact.calls[before:]] == [401]


def test_no_consent_at_all(firm: Office) -> None:
    firm.mini.vault._tokens.clear()
    found = red(pinged(firm))
    assert {c.code for c in found.values()} == {"NOT_CONNECTED"}
    assert found[None, "consent"].remedy == EXPLANATIONS["NOT_CONNECTED"].remedy


def test_a_consent_that_nobody_renews(firm: Office) -> None:
    firm.clock.move(timedelta(days=21))
    found = only(pinged(firm))
    assert (found.check, found.code) == ("consent", "CONSENT_AGEING")
    assert "token_refresh" in found.remedy


def test_a_wrong_airbase_key(firm: Office) -> None:
    firm.mini.vault.store(AIRBASE_KEY, FIRM, {"api_key": "wrong-key"})
    checks = pinged(firm)
    found = only(checks)
    assert (found.check, found.code) == ("airbase_key", "AIRBASE_KEY_REFUSED")
    assert "Make a new key" in found.remedy
    assert [c for c in unknown(checks) if c.startswith("airbase")] == [
        "airbase_order",
        "airbase_vendor",
    ]


def test_no_airbase_key(firm: Office) -> None:
    firm.mini.vault._plain.pop((AIRBASE_KEY, FIRM))
    assert only(pinged(firm)).code == "AIRBASE_KEY_MISSING"


def outside(office: Office) -> None:
    office.exact.world.divisions[NL.division].in_scope = False


def blocked(office: Office) -> None:
    office.exact.world.divisions[NL.division].blocked = True


@pytest.mark.parametrize(
    ("deed", "code", "remedy"),
    [
        (outside, "EXACT_DIVISION_NOT_ALLOWED", "add the division to the app's divisions"),
        (blocked, "EXACT_DIVISION_BLOCKED", "unblock it"),
    ],
)
def test_a_division_that_is_gone(
    firm: Office, deed: Callable[[Office], None], code: str, remedy: str
) -> None:
    deed(firm)
    before = len(firm.exact.calls)
    checks = pinged(firm)
    found = red(checks)
    assert {(c.division, c.code) for c in found.values()} == {(NL.division, code)}
    assert remedy in found[NL.division, "division"].remedy
    refused = [c for c in firm.exact.calls[before:] if c.status == 403]
    assert len(refused) == 1, "one error, then nothing more is asked there"
    assert all(c.ok for c in checks if c.division != NL.division)


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("vat/VATCodes", "Financial accounting"),
        ("sync/CRM/Accounts", "Crm accounts"),
        ("hrm/Costunits", "Financial costcenters"),
    ],
)
def test_a_scope_that_is_missing_for_one_endpoint(firm: Office, path: str, scope: str) -> None:
    firm.exact.policy.denied = {path}
    before = len(firm.exact.calls)
    found = red(pinged(firm))
    assert found.keys() == {(b.division, f"read:{path}") for b in BRANCHES}
    assert {c.code for c in found.values()} == {"EXACT_SCOPE_MISSING"}
    assert all(c.remedy.endswith(f"Scope: {scope}.") for c in found.values())
    refused = [c for c in firm.exact.calls[before:] if c.status == 403]
    assert len(refused) == len(BRANCHES)


def test_a_missing_subscription_right_is_the_webhooks_line(firm: Office) -> None:
    firm.exact.policy.denied = {"webhooks/WebhookSubscriptions"}
    assert {check for _, check in red(pinged(firm))} == {"webhooks"}


def test_a_package_without_purchase_orders(firm: Office) -> None:
    paths = ("purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines")
    firm.exact.policy.unlicensed = {*paths, "sync/PurchaseOrder/PurchaseOrders"}
    found = red(pinged(firm))
    package = found[NL.division, "package"]
    assert package.code == "EXACT_NO_PURCHASE_ORDERS"
    assert "licence has purchase orders" in package.remedy
    assert (NL.division, "division") not in found
    assert len(found) == 4 * len(BRANCHES)


@pytest.mark.parametrize(("seconds", "side"), [(45, "behind"), (-45, "ahead")])
def test_a_clock_that_is_off(firm: Office, seconds: int, side: str) -> None:
    clock.read_from(lambda: firm.clock() + seconds)
    found = red(pinged(firm))
    assert found.keys() == {(None, "airbase_clock"), (None, "exact_clock")}
    for one in found.values():
        assert (one.code, side in one.cause) == ("CLOCK_DIFFERS", True)
        assert "time server" in one.remedy


def test_small_differences_of_clocks_are_fine(firm: Office) -> None:
    clock.read_from(lambda: firm.clock() + 20)
    assert not red(pinged(firm))


def test_subscriptions_that_point_elsewhere(firm: Office) -> None:
    config = firm.config() | {"exact_callback_url": "https://other.test"}
    found = red(pinged(firm, Connection.model_validate(config)))
    assert found.keys() == {(b.division, "webhooks") for b in BRANCHES}
    assert {c.code for c in found.values()} == {"WEBHOOK_ELSEWHERE"}
    assert all(CALLBACK in c.cause and "connector webhooks" in c.remedy
               for c in found.values())  # fmt: skip


def test_a_subscription_that_is_not_there(firm: Office) -> None:
    topics = ["Accounts", "BankAccounts"]
    config = firm.config() | {"exact_topics": topics}
    found = red(pinged(firm, Connection.model_validate(config)))
    assert {c.code for c in found.values()} == {"WEBHOOK_MISSING"}
    assert all("Missing: BankAccounts." in c.cause for c in found.values())


def test_no_callback_url_is_a_choice(firm: Office) -> None:
    config = firm.config() | {"exact_callback_url": None}
    checks = pinged(firm, Connection.model_validate(config))
    assert (red(checks), set(unknown(checks))) == ({}, {"webhooks"})


def test_a_budget_that_another_program_used_up(firm: Office) -> None:
    firm.exact.limits.spend(BE.division, clock.epoch(), 60)
    found = red(pinged(firm))
    assert found[BE.division, "budget"].code == "EXACT_MINUTE_LIMIT"
    assert "ping again after" in found[BE.division, "budget"].remedy
    assert {division for division, _ in found} == {BE.division}


@pytest.mark.parametrize(
    ("window", "code"), [("minute", "EXACT_MINUTE_LIMIT"), ("day", "EXACT_DAY_LIMIT")]
)
def test_what_little_is_left_of_the_budget_is_left_to_the_orders(
    firm: Office, window: str, code: str
) -> None:
    limits = {"minute": {"calls_per_minute": 12}, "day": {"calls_per_day": 60}}[window]
    firm.exact.limits.per_minute = limits.get("calls_per_minute", 60)
    firm.exact.limits.per_day = limits.get("calls_per_day", 5000)
    connection = Connection.model_validate(firm.config() | {"limits": limits})
    budget = firm.doors.exact(connection).budget
    if window == "day":
        budget.reserve(BE.division, 40)  # type: ignore[arg-type]
        firm.clock.move(61)
    before = len(firm.exact.calls)
    found = red(pinged(firm, connection))
    assert found[BE.division, "budget"].code == code
    assert not [c for c in firm.exact.calls[before:] if c.division == BE.division
                and "Me" not in c.path]  # fmt: skip


def test_a_pause_that_exact_asked_for_is_told_with_its_end(firm: Office) -> None:
    until = clock.now() + timedelta(minutes=7)
    division = firm.connection().divisions[0].division
    firm.doors.exact(firm.connection()).budget.pause(division, "EXACT_RATE_LIMITED", until)
    firm.clock.move(120)
    before = len(firm.exact.calls)
    found = red(pinged(firm))
    assert found[NL.division, "budget"].code == "EXACT_RATE_LIMITED"
    assert f"{until:%H:%M:%S}" in found[NL.division, "budget"].remedy
    assert {place for place, _ in found} == {NL.division}
    assert [c for c in firm.exact.calls[before:] if c.division == NL.division] == []


def test_errors_of_the_last_hour_are_respected(firm: Office) -> None:
    window = ErrorWindow(firm.mini.tables.coordination, FIRM)
    for _ in range(6):
        window.record(NL.division, "vat/VATCodes")  # type: ignore[arg-type]
    before = len(firm.exact.calls)
    found = only(pinged(firm))
    assert (found.check, found.code) == ("read:vat/VATCodes", "EXACT_ERROR_LIMIT")
    asked = [c.path for c in firm.exact.calls[before:] if c.division == NL.division]
    assert not [path for path in asked if "VATCodes" in path]


def test_exact_in_maintenance(firm: Office) -> None:
    firm.exact.on_call = lambda _: ExactFault("unavailable")
    found = red(pinged(firm))
    assert {c.code for c in found.values()} == {"EXACT_UNAVAILABLE"}
    assert all("ping again after" in c.remedy for c in found.values())
    assert not [check for _, check in found if check.startswith("airbase")]


class Nobody(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there", request=request)


def without(office: Office, host: str) -> None:
    routes = {"exact.test": office.exact.transport(), "airbase.test": office.airbase.transport()}
    office.mini.transport = Hosts(routes | {host: Nobody()})


def test_exact_away(firm: Office) -> None:
    without(firm, "exact.test")
    found = only(pinged(firm))
    assert (found.check, found.code) == ("user", "EXACT_UNREACHABLE")


def test_airbase_away(firm: Office) -> None:
    without(firm, "airbase.test")
    checks = pinged(firm)
    found = only(checks)
    assert (found.check, found.code) == ("airbase_key", "AIRBASE_UNREACHABLE")
    assert all(c.ok for c in checks if not c.check.startswith("airbase"))


def test_airbase_near_its_limit(firm: Office) -> None:
    firm.airbase.limit = firm.airbase._window[1] + 21
    firm.airbase._window = (clock.epoch(), firm.airbase._window[1])
    found = red(pinged(firm))
    assert found[None, "airbase_rate"].code == "AIRBASE_BUSY"


def test_an_order_that_the_profile_cannot_read(firm: Office) -> None:
    for order in firm.airbase.orders.values():
        order["outcome"] = "gift"
    found = only(pinged(firm))
    assert (found.check, found.code) == ("airbase_order", "UNKNOWN_OUTCOME")
    assert "outcome_words" in found.remedy


def test_paths_that_lead_nowhere(firm: Office) -> None:
    config = firm.config() | {"profile": {"orders_path": "/v2/orders/"}}
    checks = pinged(firm, Connection.model_validate(config))
    found = only(checks)
    assert (found.check, found.code) == ("airbase_order", "NOT_IN_AIRBASE")
    assert "airbase_key" in unknown(checks)


def test_a_tenant_without_orders_or_detail_calls_is_not_red(firm: Office) -> None:
    firm.airbase.orders.clear()
    checks = pinged(firm)
    assert (red(checks), unknown(checks)) == ({}, ["airbase_order", "airbase_vendor"])
    config = firm.config() | {"profile": {"order_source": "event", "vendor_path": None}}
    checks = pinged(firm, Connection.model_validate(config))
    assert (red(checks), unknown(checks)) == ({}, ["airbase_order", "airbase_vendor"])


def test_what_stops_the_connection_is_told(firm: Office) -> None:
    found = problem("AIRBASE_KEY_REFUSED", "https://airbase.test")
    firm.doors.ledger.halt(FIRM, found)
    one = only(pinged(firm))
    assert (one.check, one.code, one.remedy) == ("running", found.code, found.remedy)


def test_a_bug_in_one_check_hides_no_other(firm: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret details")

    monkeypatch.setattr("ml_connector.workflows.ping.airbase.read_order", broken)
    found = only(pinged(firm))
    assert (found.check, found.cause) == (
        "airbase_order",
        "The check itself failed (RuntimeError).",
    )


def test_garbage_from_exact_is_red_in_its_own_line(firm: Office) -> None:
    firm.exact.faults.append(ExactFault("garbage", "GET", "hrm/Costcenters"))
    found = only(pinged(firm))
    assert (found.check, found.code) == ("read:hrm/Costcenters", "EXACT_UNREADABLE")


def test_a_slow_answer_ends_the_division_and_the_rest(firm: Office) -> None:
    firm.exact.faults.append(ExactFault("slow", "GET", "vat/VATCodes", seconds=30))
    found = only(pinged(firm))
    assert (found.division, found.code) == (NL.division, "EXACT_NO_ANSWER")


def test_an_airbase_refusal_after_the_listing(firm: Office) -> None:
    firm.airbase.on_call = lambda request: (
        AirbaseFault("unavailable") if "vendors" in request.path else None
    )
    assert only(pinged(firm)).check == "airbase_vendor"


def test_a_halt_of_the_vault_is_a_line(firm: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: Any) -> Any:
        raise Halt(problem("SECRET_UNREADABLE", "Connection"))

    monkeypatch.setattr(firm.mini.vault, "tokens", unreadable)
    assert {c.code for c in red(pinged(firm)).values()} == {"SECRET_UNREADABLE"}
