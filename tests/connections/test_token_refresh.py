"""Token refresh: every connection is handled, lost consents halt, subscriptions stay in place."""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.exact_simulator import ExactFault, ExactSimulator
from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from local.simulator import Request
from ml_connector import clock
from ml_connector.bootstrap import build_services
from ml_connector.clock import MovableClock
from ml_connector.connections.problems import report_connection_problems
from ml_connector.connections.token_refresh import refresh_all
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import ConnectionId, Division, code_of
from ml_connector.exact.oauth import Tokens
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.queues import Queues
from ml_connector.infrastructure.tables import Tables
from ml_connector.secret import Secret
from ml_connector.services import StackServices
from ml_connector.settings.connection import Connection

NL, BE = Division("nl.111"), Division("nl.222")
FIRM = ConnectionId("firm")
TOPICS = {"PurchaseOrders", "Accounts", "GLAccounts", "Items"}
CALLBACK = "https://connector.example.test/webhooks/exact/firm"

pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture
def exact(time: MovableClock) -> ExactSimulator:
    site = ExactSimulator(clock=time, deliver=lambda _url, _body: 200)
    for division in (NL, BE):
        site.add_division(code_of(division))
    return site


@pytest.fixture
def secret_store() -> InMemorySecretStore:
    return InMemorySecretStore()


@pytest.fixture
def services(exact: ExactSimulator, secret_store: InMemorySecretStore) -> StackServices:
    tables = Tables(*(InMemoryTable(name) for name in Tables.__dataclass_fields__))
    http = http_clients.client(exact.transport())
    return build_services("token_refresh", tables, Queues(None, {}), secret_store, http)


@pytest.fixture
def connect(
    services: StackServices, secret_store: InMemorySecretStore, exact: ExactSimulator
) -> Callable[..., Connection]:
    def make(name: str = "firm", *, consent: bool = True, **more: Any) -> Connection:
        divisions = [
            {"division": code_of(NL), "subsidiaries": ["nl"]},
            {"division": code_of(BE), "subsidiaries": ["be"]},
        ]
        made = Connection.model_validate(
            {"id": name, "exact_site": "nl", "divisions": divisions, **more}
        )
        services.connections.save(made)
        app = {"client_id": exact.client_id, "client_secret": exact.client_secret}
        secret_store.store("exact-app", made.id, app)
        if consent:
            given = exact.issue_tokens()
            pair = (Secret(given["access_token"]), Secret(given["refresh_token"]))
            secret_store.seal_tokens(made.id, Tokens(*pair, clock.now()).to_json())
        return made

    return make


def run(services: StackServices) -> dict[str, list[float]]:
    """Run the refresh once; return the metrics."""
    measured: dict[str, list[float]] = defaultdict(list)
    refresh_all(services.all(), lambda name, value: measured[name].append(value))
    return dict(measured)


def halts(services: StackServices, connection: str = FIRM) -> dict[str, str]:
    facts = services.ledger_of(ConnectionId(connection)).connection().facts
    return {where: found.code for where, found in facts.halts.items()}


def test_a_busy_connection_is_not_refreshed(
    services: StackServices, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect()
    assert run(services) == {"TokenRefreshFailed": [0.0], "RefreshTokenAgeDays": [0.0]}
    assert exact.calls == []


def test_an_idle_connection_stays_connected_for_months(
    services: StackServices,
    connect: Callable[..., Connection],
    exact: ExactSimulator,
    time: MovableClock,
) -> None:
    connect()
    for _ in range(4 * 90):
        assert run(services)["TokenRefreshFailed"] == [0.0]
        time.move(timedelta(hours=6))
    assert 80 <= exact.oauth.refreshes <= 90


def test_a_lost_consent_halts_its_connection_and_no_other(
    services: StackServices,
    connect: Callable[..., Connection],
    secret_store: InMemorySecretStore,
    time: MovableClock,
) -> None:
    connect("a-lost")
    connect("b-never", consent=False)
    connect("c-well")  # one app and user: only the newest consent is valid
    secret_store.store("exact-app", ConnectionId("b-never"), {})
    time.move(timedelta(days=2))
    assert run(services)["TokenRefreshFailed"] == [1.0, 1.0, 0.0]
    assert halts(services, "a-lost") == {"nl": "RECONNECT_NEEDED"}
    assert halts(services, "b-never") == {"nl": "NOT_CONNECTED"}
    assert halts(services, "c-well") == {}


def test_a_crash_of_one_connection_does_not_stop_the_next(
    services: StackServices,
    connect: Callable[..., Connection],
    secret_store: InMemorySecretStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect("a-broken")
    connect("b-well")
    real = secret_store.tokens

    def broken(connection: ConnectionId) -> Secret | None:
        if connection == "a-broken":
            raise RuntimeError("out of order")
        return real(connection)

    monkeypatch.setattr(secret_store, "tokens", broken)
    assert run(services)["TokenRefreshFailed"] == [1.0, 0.0]


def test_an_outage_is_measured_and_logged_in_time(
    services: StackServices,
    connect: Callable[..., Connection],
    exact: ExactSimulator,
    time: MovableClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connect()
    exact.on_call = lambda _: ExactFault("unavailable")
    time.move(timedelta(days=21))
    measured = run(services)
    assert measured == {"TokenRefreshFailed": [1.0], "RefreshTokenAgeDays": [21.0]}
    assert "expires after 30 days" in capsys.readouterr().out


def subscribed(exact: ExactSimulator, division: int) -> set[tuple[str, str]]:
    rows = exact.world.divisions[division].table("webhooks/WebhookSubscriptions").values()
    return {(row["Topic"], row["CallbackURL"]) for row in rows}


def test_subscriptions_are_made_once_in_every_division(
    services: StackServices,
    connect: Callable[..., Connection],
    exact: ExactSimulator,
    time: MovableClock,
) -> None:
    connect(exact_callback_url=CALLBACK)
    run(services)
    for division in (NL, BE):
        assert subscribed(exact, code_of(division)) == {(topic, CALLBACK) for topic in TOPICS}
    calls = len(exact.calls)
    for _ in range(4):
        time.move(timedelta(hours=6))
        run(services)
    checks = [call for call in exact.calls[calls:] if "oauth2" not in call.path]
    assert len(checks) == 2, "one check a division and day"
    assert services.ledger_of(FIRM).read(CONNECTION).problems == ()


def test_changed_topics_are_subscribed_in_the_next_run(
    services: StackServices, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK, exact_topics=("Items",))
    run(services)
    connect(exact_callback_url=CALLBACK)
    run(services)
    assert subscribed(exact, code_of(BE)) == {(topic, CALLBACK) for topic in TOPICS}


def test_failed_subscriptions_are_retried_in_the_next_run(
    services: StackServices, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.faults.append(ExactFault("unavailable"))
    run(services)
    run(services)
    assert subscribed(exact, code_of(BE)) == {(topic, CALLBACK) for topic in TOPICS}


def test_a_subscription_with_another_address_is_reported(
    services: StackServices, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.add(
        code_of(NL),
        "webhooks/WebhookSubscriptions",
        Topic="Items",
        CallbackURL="https://old.test/x",
    )
    run(services)
    found = services.ledger_of(FIRM).read(CONNECTION).problems
    assert [(p.code, p.record) for p in found] == [
        ("WEBHOOK_ELSEWHERE", "Webhook Items of division nl.111")
    ]
    version = services.ledger_of(FIRM).read(CONNECTION).version
    run(services)
    assert services.ledger_of(FIRM).read(CONNECTION).version == version, "reported once"


def test_a_missing_scope_is_reported_and_halts_nothing(
    services: StackServices, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.policy.denied.add("webhooks/WebhookSubscriptions")
    assert run(services)["TokenRefreshFailed"] == [0.0]
    codes = {p.code for p in services.ledger_of(FIRM).read(CONNECTION).problems}
    assert codes == {"WEBHOOK_NOT_SUBSCRIBED"}
    assert halts(services) == {}


def test_a_callback_url_that_exact_cannot_reach_is_reported(
    services: StackServices, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.webhooks.deliver = lambda _url, _body: 500
    run(services)
    codes = {p.code for p in services.ledger_of(FIRM).read(CONNECTION).problems}
    assert codes == {"EXACT_CALLBACK_FAILED"}
    exact.webhooks.deliver = lambda _url, _body: 200
    run(services)
    assert services.ledger_of(FIRM).read(CONNECTION).problems == ()


SUBSCRIPTIONS = "webhooks/WebhookSubscriptions"


def subscribe_another_user(exact: ExactSimulator, division: int, *topics: str) -> None:
    """Subscribe another user of the app to these topics."""
    for topic in topics:
        user = exact.world.guid()
        exact.add(division, SUBSCRIPTIONS, Topic=topic, CallbackURL=CALLBACK, UserID=user)


@pytest.mark.parametrize("language", ["EN", "NL", "DE", "FR"])
def test_another_users_subscription_is_used_and_not_requested_each_time(
    services: StackServices,
    connect: Callable[..., Connection],
    exact: ExactSimulator,
    time: MovableClock,
    language: str,
) -> None:
    exact.world.language = language
    connect(exact_callback_url=CALLBACK)
    subscribe_another_user(exact, code_of(NL), *TOPICS)
    run(services)
    assert services.ledger_of(FIRM).read(CONNECTION).problems == ()
    assert subscribed(exact, code_of(BE)) == {(topic, CALLBACK) for topic in TOPICS}
    refused = [call.status for call in exact.calls if call.method == "POST"].count(500)
    assert refused == 4
    for _ in range(4):
        time.move(timedelta(hours=6))
        run(services)
    assert [call.status for call in exact.calls if call.method == "POST"].count(500) == 4
    exact.world.divisions[code_of(NL)].table(SUBSCRIPTIONS).clear()
    time.move(timedelta(days=8))
    run(services)
    assert subscribed(exact, code_of(NL)) == {(topic, CALLBACK) for topic in TOPICS}, (
        "requested again"
    )


def test_a_subscription_made_meanwhile_by_somebody_else_is_found(
    services: StackServices, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)

    def meanwhile(request: Request) -> None:
        if request.method == "POST" and not subscribed(exact, code_of(NL)):
            exact.add(code_of(NL), SUBSCRIPTIONS, Topic="Items", CallbackURL="https://old.test/x")

    exact.on_call = meanwhile
    run(services)
    found = services.ledger_of(FIRM).read(CONNECTION).problems
    assert [each.record for each in found] == ["Webhook Items of division nl.111"]
    assert "https://old.test/x" in found[0].cause


def test_an_additional_subscription_with_an_old_address_is_no_exception(
    services: StackServices, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK + "/")
    run(services)
    table = exact.world.divisions[code_of(NL)].table(SUBSCRIPTIONS)
    row = next(row for row in table.values() if row["Topic"] == "Items")
    key = exact.world.guid()
    table[key] = {**row, "ID": key, "CallbackURL": "https://old.test/x"}
    row["CallbackURL"] = CALLBACK  # Exact may store it without the slash
    run(services)
    assert services.ledger_of(FIRM).read(CONNECTION).problems == ()


def test_other_exceptions_stay_open_when_the_subscriptions_are_fine(
    services: StackServices, connect: Callable[..., Connection]
) -> None:
    connect(exact_callback_url=CALLBACK)
    other = problem("LISTING_REFUSED", "Airbase's order listing")
    report_connection_problems(services.ledger_of(FIRM), other.record, "listing_refused", [other])
    run(services)
    assert [p.code for p in services.ledger_of(FIRM).read(CONNECTION).problems] == [
        "LISTING_REFUSED"
    ]


def test_a_subscription_whose_response_was_lost_is_found_by_the_next_run(
    services: StackServices,
    connect: Callable[..., Connection],
    exact: ExactSimulator,
    time: MovableClock,
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.faults.append(ExactFault("timeout_after_commit", method="POST", path="webhooks"))
    assert run(services)["TokenRefreshFailed"] == [0.0]
    time.move(timedelta(hours=6))
    run(services)
    for division in (NL, BE):
        assert subscribed(exact, code_of(division)) == {(topic, CALLBACK) for topic in TOPICS}
    assert services.ledger_of(FIRM).read(CONNECTION).problems == ()
