"""The keeper: every connection gets its turn, lost consents are told, subscriptions are kept."""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.exact_simulator import ExactSimulator, Fault
from local.memory import MemoryTable, MemoryVault
from local.simulation import Request
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.codes import problem
from ml_connector.connection import Connection, ExactDivision
from ml_connector.doors import http as http_door
from ml_connector.doors.ledger import CONNECTION
from ml_connector.doors.queues import Queues
from ml_connector.exact.oauth import Tokens
from ml_connector.ids import ConnectionId, Division
from ml_connector.secret import Secret
from ml_connector.workflows.connection_problems import report
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.upkeep.token_keeping import keep_all
from ml_connector.workflows.wiring import Tables, join_doors

NL, BE = Division(111), Division(222)
FIRM = ConnectionId("firm")
TOPICS = {"PurchaseOrders", "Accounts", "GLAccounts", "Items"}
CALLBACK = "https://connector.example.test/webhooks/exact/firm"

pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture
def exact(time: MovableClock) -> ExactSimulator:
    site = ExactSimulator(clock=time, deliver=lambda _url, _body: 200)
    for division in (NL, BE):
        site.add_division(division)
    return site


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@pytest.fixture
def doors(exact: ExactSimulator, vault: MemoryVault) -> Doors:
    tables = Tables(*(MemoryTable(name) for name in Tables.__dataclass_fields__))
    http = http_door.client(exact.transport())
    return join_doors("token_refresh", tables, Queues(None, {}), vault, http)


@pytest.fixture
def connect(doors: Doors, vault: MemoryVault, exact: ExactSimulator) -> Callable[..., Connection]:
    def make(name: str = "firm", *, consent: bool = True, **more: Any) -> Connection:
        made = Connection(
            id=ConnectionId(name),
            exact_site="nl",
            divisions=(
                ExactDivision(division=NL, subsidiaries=("nl",)),
                ExactDivision(division=BE, subsidiaries=("be",)),
            ),
            **more,
        )
        doors.mappings.save(made)
        app = {"client_id": exact.client_id, "client_secret": exact.client_secret}
        vault.store("exact-app", made.id, app)
        if consent:
            given = exact.issue_tokens()
            pair = (Secret(given["access_token"]), Secret(given["refresh_token"]))
            vault.seal_tokens(made.id, Tokens(*pair, clock.now()).to_json())
        return made

    return make


def run(doors: Doors) -> dict[str, list[float]]:
    """Run the keeper once; return what it measured."""
    measured: dict[str, list[float]] = defaultdict(list)
    keep_all(doors, lambda name, value: measured[name].append(value))
    return dict(measured)


def halts(doors: Doors, connection: str = FIRM) -> dict[str, str]:
    facts = doors.ledger.read(ConnectionId(connection), CONNECTION).facts
    return {where: found["code"] for where, found in facts.get("halts", {}).items()}


def test_a_busy_connection_is_left_alone(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect()
    assert run(doors) == {"TokenRefreshFailed": [0.0], "RefreshTokenAgeDays": [0.0]}
    assert exact.calls == []


def test_an_idle_connection_lives_for_months(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator, time: MovableClock
) -> None:
    connect()
    for _ in range(4 * 90):
        assert run(doors)["TokenRefreshFailed"] == [0.0]
        time.move(timedelta(hours=6))
    assert 80 <= exact.oauth.refreshes <= 90


def test_a_lost_consent_halts_its_connection_and_no_other(
    doors: Doors, connect: Callable[..., Connection], vault: MemoryVault, time: MovableClock
) -> None:
    connect("a-lost")
    connect("b-never", consent=False)
    connect("c-well")  # one app and user: the newest consent is the one that lives
    vault.store("exact-app", ConnectionId("b-never"), {})
    time.move(timedelta(days=2))
    assert run(doors)["TokenRefreshFailed"] == [1.0, 1.0, 0.0]
    assert halts(doors, "a-lost") == {"": "RECONNECT_NEEDED"}
    assert halts(doors, "b-never") == {"": "NOT_CONNECTED"}
    assert halts(doors, "c-well") == {}


def test_a_connection_that_breaks_the_keeper_does_not_stop_the_next(
    doors: Doors,
    connect: Callable[..., Connection],
    vault: MemoryVault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect("a-broken")
    connect("b-well")
    real = vault.tokens

    def broken(connection: ConnectionId) -> Secret | None:
        if connection == "a-broken":
            raise RuntimeError("out of order")
        return real(connection)

    monkeypatch.setattr(vault, "tokens", broken)
    assert run(doors)["TokenRefreshFailed"] == [1.0, 0.0]


def test_an_outage_is_measured_and_warned_about_in_time(
    doors: Doors,
    connect: Callable[..., Connection],
    exact: ExactSimulator,
    time: MovableClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connect()
    exact.on_call = lambda _: Fault("unavailable")
    time.move(timedelta(days=21))
    measured = run(doors)
    assert measured == {"TokenRefreshFailed": [1.0], "RefreshTokenAgeDays": [21.0]}
    assert "dies at 30 days" in capsys.readouterr().out


def subscribed(exact: ExactSimulator, division: int) -> set[tuple[str, str]]:
    rows = exact.world.divisions[division].table("webhooks/WebhookSubscriptions").values()
    return {(row["Topic"], row["CallbackURL"]) for row in rows}


def test_subscriptions_are_made_once_in_every_division(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator, time: MovableClock
) -> None:
    connect(exact_callback_url=CALLBACK)
    run(doors)
    for division in (NL, BE):
        assert subscribed(exact, division) == {(topic, CALLBACK) for topic in TOPICS}
    calls = len(exact.calls)
    for _ in range(4):
        time.move(timedelta(hours=6))
        run(doors)
    looks = [call for call in exact.calls[calls:] if "oauth2" not in call.path]
    assert len(looks) == 2, "one look a division and day"
    assert doors.ledger.read(FIRM, CONNECTION).problems == []


def test_another_wish_for_subscriptions_is_met_at_the_next_run(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK, exact_topics=("Items",))
    run(doors)
    connect(exact_callback_url=CALLBACK)
    run(doors)
    assert subscribed(exact, BE) == {(topic, CALLBACK) for topic in TOPICS}


def test_subscriptions_that_could_not_be_asked_for_are_at_the_next_run(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.faults.append(Fault("unavailable"))
    run(doors)
    run(doors)
    assert subscribed(exact, BE) == {(topic, CALLBACK) for topic in TOPICS}


def test_a_subscription_to_another_address_is_told(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.add(NL, "webhooks/WebhookSubscriptions", Topic="Items", CallbackURL="https://old.test/x")
    run(doors)
    found = doors.ledger.read(FIRM, CONNECTION).problems
    assert [(p["code"], p["record"]) for p in found] == [
        ("WEBHOOK_ELSEWHERE", "Webhook Items of division 111")
    ]
    version = doors.ledger.read(FIRM, CONNECTION).version
    run(doors)
    assert doors.ledger.read(FIRM, CONNECTION).version == version, "told once"


def test_a_missing_scope_is_told_and_halts_nothing(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.policy.denied.add("webhooks/WebhookSubscriptions")
    assert run(doors)["TokenRefreshFailed"] == [0.0]
    codes = {p["code"] for p in doors.ledger.read(FIRM, CONNECTION).problems}
    assert codes == {"WEBHOOK_NOT_SUBSCRIBED"}
    assert halts(doors) == {}


def test_an_address_that_exact_can_not_reach_is_told(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.webhooks.deliver = lambda _url, _body: 500
    run(doors)
    codes = {p["code"] for p in doors.ledger.read(FIRM, CONNECTION).problems}
    assert codes == {"EXACT_CALLBACK_FAILED"}
    exact.webhooks.deliver = lambda _url, _body: 200
    run(doors)
    assert doors.ledger.read(FIRM, CONNECTION).problems == []


SUBSCRIPTIONS = "webhooks/WebhookSubscriptions"


def unseen(exact: ExactSimulator, division: int, *topics: str) -> None:
    """Let a colleague's consent hold these topics."""
    for topic in topics:
        user = exact.world.guid()
        exact.add(division, SUBSCRIPTIONS, Topic=topic, CallbackURL=CALLBACK, UserID=user)


@pytest.mark.parametrize("language", ["EN", "NL", "DE", "FR"])
def test_a_colleagues_subscription_is_adopted_and_not_asked_for_each_time(
    doors: Doors,
    connect: Callable[..., Connection],
    exact: ExactSimulator,
    time: MovableClock,
    language: str,
) -> None:
    exact.world.language = language
    connect(exact_callback_url=CALLBACK)
    unseen(exact, NL, *TOPICS)
    run(doors)
    assert doors.ledger.read(FIRM, CONNECTION).problems == []
    assert subscribed(exact, BE) == {(topic, CALLBACK) for topic in TOPICS}
    refused = [call.status for call in exact.calls if call.method == "POST"].count(500)
    assert refused == 4
    for _ in range(4):
        time.move(timedelta(hours=6))
        run(doors)
    assert [call.status for call in exact.calls if call.method == "POST"].count(500) == 4
    exact.world.divisions[NL].table(SUBSCRIPTIONS).clear()
    time.move(timedelta(days=8))
    run(doors)
    assert subscribed(exact, NL) == {(topic, CALLBACK) for topic in TOPICS}, "asked again"


def test_one_that_somebody_else_made_meanwhile_is_found(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK)

    def meanwhile(request: Request) -> None:
        if request.method == "POST" and not subscribed(exact, NL):
            exact.add(NL, SUBSCRIPTIONS, Topic="Items", CallbackURL="https://old.test/x")

    exact.on_call = meanwhile
    run(doors)
    found = doors.ledger.read(FIRM, CONNECTION).problems
    assert [each["record"] for each in found] == ["Webhook Items of division 111"]
    assert "https://old.test/x" in found[0]["cause"]


def test_an_older_address_beside_ours_is_no_exception(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator
) -> None:
    connect(exact_callback_url=CALLBACK + "/")
    run(doors)
    table = exact.world.divisions[NL].table(SUBSCRIPTIONS)
    row = next(row for row in table.values() if row["Topic"] == "Items")
    key = exact.world.guid()
    table[key] = {**row, "ID": key, "CallbackURL": "https://old.test/x"}
    row["CallbackURL"] = CALLBACK  # Exact may keep it without the slash
    run(doors)
    assert doors.ledger.read(FIRM, CONNECTION).problems == []


def test_the_connections_other_exceptions_stay_when_its_subscriptions_are_well(
    doors: Doors, connect: Callable[..., Connection]
) -> None:
    connect(exact_callback_url=CALLBACK)
    other = problem("LISTING_REFUSED", "Airbase's order listing")
    report(doors.ledger, FIRM, other.record, "listing_refused", [other])
    run(doors)
    assert [p["code"] for p in doors.ledger.read(FIRM, CONNECTION).problems] == ["LISTING_REFUSED"]


def test_a_subscription_whose_answer_was_lost_is_found_by_the_next_run(
    doors: Doors, connect: Callable[..., Connection], exact: ExactSimulator, time: MovableClock
) -> None:
    connect(exact_callback_url=CALLBACK)
    exact.faults.append(Fault("timeout_after_commit", method="POST", path="webhooks"))
    assert run(doors)["TokenRefreshFailed"] == [0.0]
    time.move(timedelta(hours=6))
    run(doors)
    for division in (NL, BE):
        assert subscribed(exact, division) == {(topic, CALLBACK) for topic in TOPICS}
    assert doors.ledger.read(FIRM, CONNECTION).problems == []
