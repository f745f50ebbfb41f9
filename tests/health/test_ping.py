"""A ping reports each fault in its own line and changes nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from local.exact_simulator import ExactFault
from local.firm import BE, BRANCHES, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts
from local.simulator import SimulatedFault as AirbaseFault
from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt
from ml_connector.exact import subscriptions
from ml_connector.health.checks import Check
from ml_connector.health.ping import ping_connection
from ml_connector.health.probes import probes_of
from ml_connector.infrastructure.coordination import ErrorWindow
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.secret_store import AIRBASE_KEY
from ml_connector.settings.connection import Connection
from tests.site import SITE

CALLBACK = "https://callback.test"
CONSENT = "connector connection consent"


@pytest.fixture
def firm(env: InMemoryEnvironment) -> InMemoryEnvironment:
    """The firm, connected and subscribed, with one posted order, in a new minute."""
    env.exact.webhooks.deliver = lambda _url, _body: 200
    connection = env.connect()
    exact_client = env.services_of(connection.id).exact_at(SITE)
    for each in connection.divisions:
        topics = connection.sites[0].exact_topics
        assert not subscriptions.ensure(exact_client, each.division, topics, CALLBACK).problems
    assert env.post(env.order()).state == "posted"
    env.clock.move(61)
    return env


def ping(env: InMemoryEnvironment, connection: Connection | None = None) -> list[Check]:
    """Ping as a new process does."""
    services = env.memory.services("connector")
    return ping_connection(services.bound(connection or env.connection()))


def red(checks: list[Check]) -> dict[tuple[str | None, str], Check]:
    return {(c.scope, c.check): c for c in checks if c.ok is False}


def only(checks: list[Check]) -> Check:
    (found,) = red(checks).values()
    return found


def unknown(checks: list[Check]) -> list[str]:
    return [c.check for c in checks if c.ok is None]


def test_a_healthy_firm_is_all_green(firm: InMemoryEnvironment) -> None:
    checks = ping(firm)
    assert [(c.scope, c.check, c.cause) for c in checks if c.ok is not True] == []
    assert {c.scope for c in checks} == {None, SITE, *(b.key for b in BRANCHES)}
    assert all(c.detail and not c.code and not c.remedy for c in checks)
    details = {c.check: c.detail for c in checks if c.scope in {None, SITE, NL.key}}
    assert details["airbase_order"] == "Order PO-1 was read."
    assert details["airbase_vendor"] == "Vendor Cloudwerk was read."
    assert "30.0 left" in details["consent"]
    assert details["purchase_order"].startswith("Order 1")
    assert details["webhooks"].endswith(CALLBACK + ".")


def test_it_writes_nothing(firm: InMemoryEnvironment) -> None:
    """Except the call counts that every call to Exact updates."""
    firm.clock.move(600)  # the access token has expired: it is renewed as before any call

    def state() -> tuple[Any, ...]:
        world = firm.exact.world.divisions.values()
        tables = (firm.memory.tables.ledger, firm.memory.tables.audit, firm.memory.tables.inbox,
                  firm.memory.tables.mappings, firm.memory.tables.reference)  # fmt: skip
        return (
            [table.items() for table in tables],  # type: ignore[attr-defined]
            repr([(d.stamps, list(filter(None, d.rows.values())), d.deleted) for d in world]),
            repr((firm.airbase.orders, firm.airbase.vendors, firm.airbase.accounts)),
            list(firm.memory.queues.waiting),
        )

    def kinds() -> set[str]:
        return {str(item["pk"]).split("#")[1] for item in firm.memory.tables.coordination.items()}  # type: ignore[attr-defined]

    before, stored_kinds = state(), kinds()
    exact, airbase = len(firm.exact.calls), len(firm.airbase.calls)
    assert not red(ping(firm))
    assert state() == before
    assert kinds() - stored_kinds <= {"leases", "marks"}
    methods = {(c.method, "oauth2" in c.path) for c in firm.exact.calls[exact:]}
    assert methods == {("GET", False), ("POST", True)}
    assert [c.method for c in firm.airbase.calls[airbase:]] == ["GET", "GET", "GET"]


def test_it_takes_few_calls(firm: InMemoryEnvironment) -> None:
    before = len(firm.exact.calls)
    ping(firm)
    made = firm.exact.calls[before:]
    assert len(made) == 1 + 14 * len(BRANCHES)
    asked = [call.path for call in made if call.division == BE.division]
    assert len(asked) == len(set(asked)), "each endpoint once"


def every_option(env: InMemoryEnvironment) -> Connection:
    options = {"create_items": True, "link_supplier_items": True, "item_unit": "pc"}
    config = env.config(**options) | {"tag_dimensions": {"Job": "project"}}
    return Connection.model_validate(config)


def test_every_option_takes_a_few_more(firm: InMemoryEnvironment) -> None:
    connection = every_option(firm)
    assert len(probes_of(connection.tag_kinds, connection.divisions[0])) == 18
    assert not red(ping(firm, connection))


def test_it_asks_every_endpoint_that_the_connector_calls(env: InMemoryEnvironment) -> None:
    """The ping covers what posting, refreshing, prerequisites and subscribing call."""
    env.exact.webhooks.deliver = lambda _url, _body: 200
    connection = env.connect(**every_option(env).model_dump(mode="json"))
    key = env.exact.add_gl_account(NL.division, "4700", "Training")
    env.wait(hours=25)
    line = env.airbase.line("4700", "100.00")
    env.exact.faults.append(
        ExactFault("timeout_after_commit", "POST", "purchaseorder/PurchaseOrders")
    )
    order = env.order(lines=[line])
    env.post(order)
    env.wait(minutes=5)
    assert key
    assert env.record(order).state == "posted"
    subscriptions.ensure(
        env.services_of(connection.id).exact_at(SITE),
        connection.divisions[0].division,
        ["Items"],
        CALLBACK,
    )
    called = {c.path.removeprefix("/api/v1/{division}/") for c in env.exact.calls}
    asked = {probe.path for probe in probes_of(connection.tag_kinds, connection.divisions[0])}
    only_written = {"logistics/SupplierItem"}  # its stream is read
    assert {path for path in called if not path.startswith("/")} - only_written <= asked


def revoke_expired(env: InMemoryEnvironment) -> None:
    env.exact.revoke_consent()
    env.clock.move(600)


def test_a_revoked_consent_stops_the_ping_early(firm: InMemoryEnvironment) -> None:
    revoke_expired(firm)
    before = len(firm.exact.calls)
    checks = ping(firm)
    found = only(checks)
    assert (found.check, found.code) == ("user", "RECONNECT_NEEDED")
    assert CONSENT in found.remedy
    assert len(firm.exact.calls) - before == 1, "only the refused renewal"
    assert len([c for c in unknown(checks) if c == "division"]) == len(BRANCHES)


def test_a_refused_young_token_has_a_remedy_in_case_it_stays(
    firm: InMemoryEnvironment,
) -> None:
    firm.exact.revoke_consent()
    before = len(firm.exact.calls)
    found = only(ping(firm))
    assert (found.check, found.code) == ("user", "EXACT_UNAUTHORIZED")
    assert f"{CONSENT} {FIRM}" in found.remedy
    assert [c.status for c in firm.exact.calls[before:]] == [401]


def test_no_consent_at_all(firm: InMemoryEnvironment) -> None:
    firm.memory.secret_store._tokens.clear()
    firm.services_of().exact_at(SITE).tokens.pairs.forget()
    found = red(ping(firm))
    assert {c.code for c in found.values()} == {"NOT_CONNECTED"}
    assert "`connector connection consent example-firm`" in found[SITE, "consent"].remedy


def test_token_stores_that_differ(
    firm: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ClientError({"Error": {"Code": "LimitExceededException"}}, "PutSecretValue")

    monkeypatch.setattr(firm.memory.secret_store, "seal_tokens", refuse)
    firm.clock.move(timedelta(minutes=20))
    firm.post(firm.order())
    found = only(ping(firm))
    assert (found.check, found.code) == ("token_stores", "TOKEN_STORES_DIFFER")
    assert "LimitExceededException" in found.cause


def test_a_consent_that_is_not_renewed(firm: InMemoryEnvironment) -> None:
    firm.clock.move(timedelta(days=21))
    found = only(ping(firm))
    assert (found.check, found.code) == ("consent", "CONSENT_AGEING")
    assert "token_refresh" in found.remedy


def test_a_wrong_airbase_key(firm: InMemoryEnvironment) -> None:
    firm.memory.secret_store.store(AIRBASE_KEY, FIRM, {"api_key": "wrong-key"})
    checks = ping(firm)
    found = only(checks)
    assert (found.check, found.code) == ("airbase_key", "AIRBASE_KEY_REFUSED")
    assert "Make a new key" in found.remedy
    assert [c for c in unknown(checks) if c.startswith("airbase")] == [
        "airbase_order",
        "airbase_vendor",
    ]


def test_no_airbase_key(firm: InMemoryEnvironment) -> None:
    firm.memory.secret_store._plain.pop((AIRBASE_KEY, FIRM))
    assert only(ping(firm)).code == "AIRBASE_KEY_MISSING"


def revoke_division(env: InMemoryEnvironment) -> None:
    env.exact.world.divisions[NL.division].in_scope = False


def block_division(env: InMemoryEnvironment) -> None:
    env.exact.world.divisions[NL.division].blocked = True


@pytest.mark.parametrize(
    ("change", "code", "remedy"),
    [
        (revoke_division, "EXACT_DIVISION_NOT_ALLOWED", "add the division to the app's divisions"),
        (block_division, "EXACT_DIVISION_BLOCKED", "unblock it"),
    ],
)
def test_an_inaccessible_division(
    firm: InMemoryEnvironment, change: Callable[[InMemoryEnvironment], None], code: str, remedy: str
) -> None:
    change(firm)
    before = len(firm.exact.calls)
    checks = ping(firm)
    found = red(checks)
    assert {(c.scope, c.code) for c in found.values()} == {(NL.key, code)}
    assert remedy in found[NL.key, "division"].remedy
    refused = [c for c in firm.exact.calls[before:] if c.status == 403]
    assert len(refused) == 1, "one error, then no more calls there"
    assert all(c.ok for c in checks if c.scope != NL.key)


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("vat/VATCodes", "Financial accounting"),
        ("sync/CRM/Accounts", "Crm accounts"),
        ("hrm/Costunits", "Financial costcenters"),
    ],
)
def test_a_scope_that_is_missing_for_one_endpoint(
    firm: InMemoryEnvironment, path: str, scope: str
) -> None:
    firm.exact.policy.denied = {path}
    before = len(firm.exact.calls)
    found = red(ping(firm))
    assert found.keys() == {(b.key, f"read:{path}") for b in BRANCHES}
    assert {c.code for c in found.values()} == {"EXACT_SCOPE_MISSING"}
    assert all(c.remedy.endswith(f"Scope: {scope}.") for c in found.values())
    refused = [c for c in firm.exact.calls[before:] if c.status == 403]
    assert len(refused) == len(BRANCHES)


@pytest.mark.parametrize("path", ["system/Divisions", "hrm/Divisions"])
def test_either_list_of_divisions_is_enough(firm: InMemoryEnvironment, path: str) -> None:
    firm.exact.policy.denied = {path}
    before = len(firm.exact.calls)
    checks = ping(firm)
    assert red(checks) == {}
    details = {c.detail for c in checks if c.check == "read:system/Divisions"}
    is_other = path == "system/Divisions"
    assert details == {"Readable as hrm/Divisions alone." if is_other else "Readable."}
    made = len(firm.exact.calls) - before
    assert made == 1 + (15 if is_other else 14) * len(BRANCHES)


def test_no_list_of_divisions_is_red_once_for_each(firm: InMemoryEnvironment) -> None:
    firm.exact.policy.denied = {"system/Divisions", "hrm/Divisions"}
    found = red(ping(firm))
    assert found.keys() == {(b.key, "read:system/Divisions") for b in BRANCHES}
    assert {c.code for c in found.values()} == {"EXACT_SCOPE_MISSING"}


def test_the_virtual_division_of_a_premium_licence_is_red(env: InMemoryEnvironment) -> None:
    env.exact.add_division(10_000_001, description="HQ", is_virtual=True)
    divisions = env.config()["divisions"]
    divisions[0] = {**divisions[0], "division": 10_000_001}
    env.connect(divisions=divisions)
    found = red(ping(env))["nl.10000001", "read:system/Divisions"]
    assert found.code == "EXACT_VIRTUAL_DIVISION"
    assert "Exact lists no division 10000001" in found.cause
    assert "Give its subsidiaries to the divisions themselves" in found.remedy


def test_a_missing_subscription_scope_is_reported_by_the_webhooks_check(
    firm: InMemoryEnvironment,
) -> None:
    firm.exact.policy.denied = {"webhooks/WebhookSubscriptions"}
    assert {check for _, check in red(ping(firm))} == {"webhooks"}


def test_a_package_without_purchase_orders(firm: InMemoryEnvironment) -> None:
    paths = ("purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines")
    firm.exact.policy.unlicensed = {*paths, "sync/PurchaseOrder/PurchaseOrders"}
    found = red(ping(firm))
    package = found[NL.key, "package"]
    assert package.code == "EXACT_NO_PURCHASE_ORDERS"
    assert "licence has purchase orders" in package.remedy
    assert (NL.key, "division") not in found
    assert len(found) == 4 * len(BRANCHES)


@pytest.mark.parametrize(("seconds", "side"), [(45, "behind"), (-45, "ahead")])
def test_a_clock_that_is_off(firm: InMemoryEnvironment, seconds: int, side: str) -> None:
    clock.read_from(lambda: firm.clock() + seconds)
    found = red(ping(firm))
    assert found.keys() == {(None, "airbase_clock"), (SITE, "exact_clock")}
    for check in found.values():
        assert (check.code, side in check.cause) == ("CLOCK_DIFFERS", True)
        assert "time server" in check.remedy


def test_small_clock_differences_are_allowed(firm: InMemoryEnvironment) -> None:
    clock.read_from(lambda: firm.clock() + 20)
    assert not red(ping(firm))


def test_subscriptions_that_point_elsewhere(firm: InMemoryEnvironment) -> None:
    config = firm.config() | {"exact_callback_url": "https://other.test"}
    found = red(ping(firm, Connection.model_validate(config)))
    assert found.keys() == {(b.key, "webhooks") for b in BRANCHES}
    assert {c.code for c in found.values()} == {"WEBHOOK_ELSEWHERE"}
    assert all(CALLBACK in c.cause and "connector webhooks" in c.remedy
               for c in found.values())  # fmt: skip


def test_a_subscription_that_is_not_there(firm: InMemoryEnvironment) -> None:
    topics = ["Accounts", "BankAccounts"]
    config = firm.config() | {"exact_topics": topics}
    found = red(ping(firm, Connection.model_validate(config)))
    assert {c.code for c in found.values()} == {"WEBHOOK_MISSING"}
    assert all("Missing: BankAccounts." in c.cause for c in found.values())


def test_no_callback_url_is_a_choice(firm: InMemoryEnvironment) -> None:
    config = firm.config() | {"exact_callback_url": None}
    checks = ping(firm, Connection.model_validate(config))
    assert (red(checks), set(unknown(checks))) == ({}, {"webhooks"})


def test_calls_used_up_by_another_program(firm: InMemoryEnvironment) -> None:
    firm.exact.limits.spend(BE.division, clock.epoch(), 60)
    found = red(ping(firm))
    assert found[BE.key, "budget"].code == "EXACT_MINUTE_LIMIT"
    assert "ping again after" in found[BE.key, "budget"].remedy
    assert {division for division, _ in found} == {BE.key}


@pytest.mark.parametrize(
    ("window", "code"), [("minute", "EXACT_MINUTE_LIMIT"), ("day", "EXACT_DAY_LIMIT")]
)
def test_the_last_calls_are_left_to_the_orders(
    firm: InMemoryEnvironment, window: str, code: str
) -> None:
    limits = {"minute": {"calls_per_minute": 12}, "day": {"calls_per_day": 60}}[window]
    firm.exact.limits.per_minute = limits.get("calls_per_minute", 60)
    firm.exact.limits.per_day = limits.get("calls_per_day", 5000)
    connection = Connection.model_validate(firm.config() | {"limits": limits})
    rate_limiter = firm.services_of(connection.id).exact_at(SITE).rate_limiter
    if window == "day":
        rate_limiter.reserve(BE.key, 40)
        firm.clock.move(61)
    before = len(firm.exact.calls)
    found = red(ping(firm, connection))
    assert found[BE.key, "budget"].code == code
    assert not [c for c in firm.exact.calls[before:] if c.division == BE.division
                and "Me" not in c.path]  # fmt: skip


def test_a_pause_requested_by_exact_is_reported_with_its_end(firm: InMemoryEnvironment) -> None:
    until = clock.now() + timedelta(minutes=7)
    division = firm.connection().divisions[0].division
    firm.services_of().exact_at(SITE).rate_limiter.pause(division, "EXACT_RATE_LIMITED", until)
    firm.clock.move(120)
    before = len(firm.exact.calls)
    found = red(ping(firm))
    assert found[NL.key, "budget"].code == "EXACT_RATE_LIMITED"
    assert f"{until:%H:%M:%S}" in found[NL.key, "budget"].remedy
    assert {place for place, _ in found} == {NL.key}
    assert [c for c in firm.exact.calls[before:] if c.division == NL.division] == []


def test_errors_of_the_last_hour_count(firm: InMemoryEnvironment) -> None:
    window = ErrorWindow(firm.memory.tables.coordination, FIRM)
    for _ in range(6):
        window.record(NL.division, "vat/VATCodes")  # type: ignore[arg-type]
    before = len(firm.exact.calls)
    found = only(ping(firm))
    assert (found.check, found.code) == ("read:vat/VATCodes", "EXACT_ERROR_LIMIT")
    asked = [c.path for c in firm.exact.calls[before:] if c.division == NL.division]
    assert not [path for path in asked if "VATCodes" in path]


def test_exact_in_maintenance(firm: InMemoryEnvironment) -> None:
    firm.exact.on_call = lambda _: ExactFault("unavailable")
    found = red(ping(firm))
    assert {c.code for c in found.values()} == {"EXACT_UNAVAILABLE"}
    assert all("ping again after" in c.remedy for c in found.values())
    assert not [check for _, check in found if check.startswith("airbase")]


class Unreachable(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("unreachable", request=request)


def disconnect(env: InMemoryEnvironment, host: str) -> None:
    routes = {"exact.test": env.exact.transport(), "airbase.test": env.airbase.transport()}
    env.memory.transport = Hosts(routes | {host: Unreachable()})


def test_exact_unreachable(firm: InMemoryEnvironment) -> None:
    disconnect(firm, "exact.test")
    found = only(ping(firm))
    assert (found.check, found.code) == ("user", "EXACT_UNREACHABLE")


def test_airbase_unreachable(firm: InMemoryEnvironment) -> None:
    disconnect(firm, "airbase.test")
    checks = ping(firm)
    found = only(checks)
    assert (found.check, found.code) == ("airbase_key", "AIRBASE_UNREACHABLE")
    assert all(c.ok for c in checks if not c.check.startswith("airbase"))


def test_airbase_near_its_limit(firm: InMemoryEnvironment) -> None:
    firm.airbase.limit = firm.airbase._window[1] + 21
    firm.airbase._window = (clock.epoch(), firm.airbase._window[1])
    found = red(ping(firm))
    assert found[None, "airbase_rate"].code == "AIRBASE_BUSY"


def test_an_order_that_the_profile_cannot_read(firm: InMemoryEnvironment) -> None:
    for order in firm.airbase.orders.values():
        order["outcome"] = "gift"
    found = only(ping(firm))
    assert (found.check, found.code) == ("airbase_order", "UNKNOWN_OUTCOME")
    assert "outcome_words" in found.remedy


def test_a_wrong_path(firm: InMemoryEnvironment) -> None:
    config = firm.config() | {"profile": {"orders_path": "/v2/orders/"}}
    checks = ping(firm, Connection.model_validate(config))
    found = only(checks)
    assert (found.check, found.code) == ("airbase_order", "NOT_IN_AIRBASE")
    assert "airbase_key" in unknown(checks)


def test_a_tenant_without_orders_or_detail_calls_is_not_red(firm: InMemoryEnvironment) -> None:
    firm.airbase.orders.clear()
    checks = ping(firm)
    assert (red(checks), unknown(checks)) == ({}, ["airbase_order", "airbase_vendor"])
    config = firm.config() | {"profile": {"order_source": "event", "vendor_path": None}}
    checks = ping(firm, Connection.model_validate(config))
    assert (red(checks), unknown(checks)) == ({}, ["airbase_order", "airbase_vendor"])


def test_a_halt_of_the_connection_is_reported(firm: InMemoryEnvironment) -> None:
    found = problem("AIRBASE_KEY_REFUSED", "https://airbase.test", connection=FIRM)
    Halts(firm.services.ledger_of(FIRM)).stop(found)
    check = only(ping(firm))
    assert (check.check, check.code, check.remedy) == ("running", found.code, found.remedy)


def test_a_bug_in_one_check_does_not_hide_the_others(
    firm: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret details")

    monkeypatch.setattr("ml_connector.health.airbase.read_order", broken)
    found = only(ping(firm))
    assert (found.check, found.cause) == (
        "airbase_order",
        "The check itself failed (RuntimeError).",
    )


def test_an_unreadable_answer_of_exact_fails_its_own_check(firm: InMemoryEnvironment) -> None:
    firm.exact.faults.append(ExactFault("garbage", "GET", "hrm/Costcenters"))
    found = only(ping(firm))
    assert (found.check, found.code) == ("read:hrm/Costcenters", "EXACT_UNREADABLE")


def test_a_time_out_ends_the_checks_of_all_divisions(firm: InMemoryEnvironment) -> None:
    firm.exact.faults.append(ExactFault("slow", "GET", "vat/VATCodes", seconds=30))
    found = only(ping(firm))
    assert (found.scope, found.code) == (NL.key, "EXACT_NO_ANSWER")


def test_an_airbase_refusal_after_the_listing(firm: InMemoryEnvironment) -> None:
    firm.airbase.on_call = lambda request: (
        AirbaseFault("unavailable") if "vendors" in request.path else None
    )
    assert only(ping(firm)).check == "airbase_vendor"


def test_an_unreadable_secret_is_reported(
    firm: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: Any) -> Any:
        raise Halt(problem("SECRET_UNREADABLE", "Connection", connection="firm"))

    for read in ("tokens", "open_copy"):
        monkeypatch.setattr(firm.memory.secret_store, read, unreadable)
    firm.services = firm.memory.services()
    assert {c.code for c in red(ping(firm)).values()} == {"SECRET_UNREADABLE"}


def test_a_ping_waits_a_moment_for_its_turn_and_then_says_so(
    firm: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        firm.clock.move(seconds)

    monkeypatch.setattr("ml_connector.health.division._sleep", pause)
    key = NL.key
    another = firm.services_of().leases
    assert another.acquire(f"turn {key} 0", timedelta(seconds=15))
    assert not red(ping(firm)), "its turn came"
    assert 15 <= sum(paused) < 20
    assert another.acquire(f"turn {key} 0", timedelta(hours=1))
    before = len(firm.exact.calls)
    unknown = [c for c in ping(firm) if c.scope == NL.key and c.ok is None]
    assert {c.check for c in unknown} >= {"division", "package"}
    assert all("Ping again in a minute" in str(c.detail) for c in unknown)
    assert NL.division not in {call.division for call in firm.exact.calls[before:]}


def test_a_division_without_any_vat_code_is_named_and_nothing_is_red(
    firm: InMemoryEnvironment,
) -> None:
    """Its order would go out at 1,290.00 where 1,560.90 was meant."""
    bare = firm.connection().with_divisions(
        lambda each: each.model_copy(update={"default_vat_code": None})
    )
    checks = [each for each in ping(firm, bare) if each.check == "vat_code"]
    assert {each.scope for each in checks} == {branch.key for branch in BRANCHES}
    assert all((each.ok, each.code) == (None, "NO_VAT_CODE") for each in checks)
    at_home = next(each for each in checks if each.scope == NL.key)
    assert f"connection set {FIRM} {NL.key}.default_vat_code=CODE" in at_home.remedy


@pytest.mark.parametrize("kind", ["vat_code", "payment_condition"])
def test_a_default_that_exact_does_not_know_is_red(firm: InMemoryEnvironment, kind: str) -> None:
    wrong = firm.connection().with_divisions(
        lambda each: each.model_copy(update={f"default_{kind}": "77"})
    )
    checks = [each for each in ping(firm, wrong) if each.check == kind]
    assert {each.scope for each in checks} == {branch.key for branch in BRANCHES}
    assert {(each.ok, each.code) for each in checks} == {(False, f"UNKNOWN_{kind.upper()}")}
    at_home = next(each for each in checks if each.scope == NL.key)
    assert "77 is not in division nl.2101" in at_home.cause
    assert f"connection set {FIRM} {NL.key}.default_{kind}=CODE" in at_home.remedy


def test_the_last_accepted_and_the_last_refused_call_are_shown_with_the_reason(
    firm: InMemoryEnvironment,
) -> None:
    def calls() -> dict[str | None, Check]:
        return {each.scope: each for each in ping(firm) if each.check == "webhook_calls"}

    senders, why = firm.services_of(FIRM).webhook_senders, "not signed by a valid secret"
    assert calls()[None].detail == "Airbase has not called yet."
    accepted = f"{clock.now():%Y-%m-%d %H:%M} UTC"
    senders.note_accepted("airbase")
    assert calls()[None].detail == f"Airbase: last accepted {accepted}, last refused never."
    firm.clock.move(61)
    senders.note_refused("airbase", why)
    refused = f"{clock.now():%Y-%m-%d %H:%M} UTC"
    detail = f"Airbase: last accepted {accepted}, last refused {refused} ({why})."
    assert (calls()[None].ok, calls()[None].detail) == (None, detail)
    for _ in range(4):
        firm.wait(minutes=8)
        senders.note_refused("airbase", why)
    firm.wait(minutes=1)
    told = calls()[None]
    assert (told.ok, told.code) == (False, "WEBHOOKS_REFUSED")
    assert why in told.cause
    senders.note_accepted("airbase")
    assert calls()[None].ok is True, "at once, before the exception is closed"
    assert calls()[SITE].detail == "Exact has not called yet."


def test_a_vat_mapping_is_enough_wherever_it_is_stored(firm: InMemoryEnvironment) -> None:
    mapped = firm.connection().with_divisions(
        lambda each: each.model_copy(
            update={
                "default_vat_code": None,
                "mappings": each.mappings.model_copy(update={"vat_codes": {"high": "21"}}),
            }
        )
    )
    firm.services.connections.save(mapped)
    stored = firm.connection()
    assert all(each.mappings.other_rows for each in stored.divisions), "in rows"
    checks = [each for each in ping(firm, stored) if each.check == "vat_code"]
    assert [(each.ok, each.detail) for each in checks] == [
        (True, "No default; mapped tax codes: 1.")
    ] * len(BRANCHES)
