"""The Exact client against the simulator: its limits, its tokens, its languages."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.exact_simulator import ExactFault, ExactSimulator
from local.exact_simulator.faults import Kind as FaultKind
from local.exact_simulator.texts import LANGUAGES, say
from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import Division, Guid, code_of
from ml_connector.exact import errors, odata
from ml_connector.exact.client import ExactClient
from ml_connector.exact.contract_day import ContractDay
from ml_connector.exact.errors import ExactAnswer, SentRequest
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.rate_limiter import RateLimiter
from ml_connector.exact.refused_tokens import RefusedTokens
from ml_connector.exact.tokens import TokenProvider
from ml_connector.exact.turns import Turns
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.coordination import ErrorWindow
from ml_connector.secret import Secret
from ml_connector.settings.connection import Contract
from tests.exact.token_site import BASE, FIRM, SITE_SETTINGS
from tests.site import APP, SITE

NL = Division("nl.111")
ACCOUNTS = "crm/Accounts"
NOBODY = {"$filter": "Code eq 'x'", "$select": "ID"}
MakeClient = Callable[[], ExactClient]


@pytest.fixture
def exact(time: MovableClock) -> ExactSimulator:
    site = ExactSimulator(clock=time, deliver=lambda _url, _body: 200)
    site.add_division(code_of(NL))
    return site


@pytest.fixture
def make_client(exact: ExactSimulator, table: InMemoryTable) -> MakeClient:
    """Make a client per process; all share the secret store and the coordination table."""
    secret_store = InMemorySecretStore()
    given = exact.issue_tokens()
    app = {"client_id": exact.client_id, "client_secret": exact.client_secret}
    secret_store.store("exact-app", FIRM, app)
    pair = (Secret(given["access_token"]), Secret(given["refresh_token"]))
    secret_store.seal_tokens(FIRM, Tokens(*pair, clock.now()).to_json())

    def make() -> ExactClient:
        client = http_clients.client(exact.transport())
        tokens = TokenProvider(APP, SITE, BASE, client, secret_store, table)
        return ExactClient(
            SITE_SETTINGS,
            client,
            tokens,
            RateLimiter(table, FIRM),
            ErrorWindow(table, FIRM),
            RefusedTokens(table, FIRM),
            Turns(table, FIRM, calls_in_flight=50),
            ContractDay(table, FIRM, SITE, Contract()),
            table,
        )

    return make


def test_rows_are_read_and_written(make_client: MakeClient, exact: ExactSimulator) -> None:
    exact_client = make_client()
    made = exact_client.create(NL, ACCOUNTS, {"Name": "Jansen", "IsSupplier": True})
    key = Guid(made["ID"])
    assert made["Name"] == "Jansen", "the full entity is returned, not only its key"
    exact_client.update(NL, ACCOUNTS, key, {"Name": "Jansen BV"})
    by_key = {"$filter": f"ID eq {odata.guid_literal(key)}", "$select": "ID,Name"}
    assert [row["Name"] for row in exact_client.rows(NL, ACCOUNTS, by_key)] == ["Jansen BV"]
    exact_client.remove(NL, ACCOUNTS, key)
    assert list(exact_client.rows(NL, ACCOUNTS, by_key)) == []
    with pytest.raises(Review, match="EXACT_NOT_FOUND"):
        exact_client.remove(NL, ACCOUNTS, key)
    assert exact_client.current_user()["CurrentDivision"] == code_of(NL)


def test_pages_are_joined(make_client: MakeClient, exact: ExactSimulator) -> None:
    for number in range(130):
        exact.add(code_of(NL), "financial/GLAccounts", Code=f"4{number:03}", Description="Costs")
    codes = [row["Code"] for row in make_client().rows(NL, "financial/GLAccounts")]
    assert len(set(codes)) == len(codes) == 130


def test_a_minute_is_used_to_its_last_call_without_a_429(
    make_client: MakeClient, exact: ExactSimulator, time: MovableClock
) -> None:
    workers = [make_client() for _ in range(4)]

    def work(exact_client: ExactClient) -> str:
        for _ in range(60):
            try:
                list(exact_client.rows(NL, ACCOUNTS, NOBODY))
            except Later as later:
                return later.code
        return "never full"

    time.move(61 - time() % 60)  # at a minute's edge, calls count for both
    for minute in range(1, 4):
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(work, workers)) == {"EXACT_MINUTE_LIMIT"}
        assert len(exact.calls) == 60 * minute
        time.move(60)
    assert {call.status for call in exact.calls} == {200}


def test_an_expired_token_costs_one_refresh_and_no_error(
    make_client: MakeClient, exact: ExactSimulator, time: MovableClock
) -> None:
    time.move(3600)
    exact_client = make_client()
    for _ in range(3):
        list(exact_client.rows(NL, ACCOUNTS, NOBODY))
    assert exact.oauth.refreshes == 1
    assert {call.status for call in exact.calls} == {200}


def test_fifty_workers_on_an_expired_token_refresh_once(
    make_client: MakeClient, exact: ExactSimulator, time: MovableClock
) -> None:
    time.move(3600)

    def work(exact_client: ExactClient) -> str:
        try:
            return "ok" if not list(exact_client.rows(NL, ACCOUNTS, NOBODY)) else "rows"
        except Later as later:
            return later.code

    with ThreadPoolExecutor(50) as pool:
        seen = set(pool.map(work, [make_client() for _ in range(50)]))
    assert exact.oauth.refreshes == 1
    assert seen <= {"ok", "TOKEN_BUSY"}


def test_a_day_of_calls_needs_at_most_150_renewals(
    make_client: MakeClient, exact: ExactSimulator, time: MovableClock
) -> None:
    exact_client = make_client()
    for _ in range(24 * 12):
        list(exact_client.rows(NL, ACCOUNTS, NOBODY))
        time.move(300)
    assert exact.oauth.refreshes <= 150
    assert {call.status for call in exact.calls} == {200}


def test_a_revoked_consent_halts(
    make_client: MakeClient, exact: ExactSimulator, time: MovableClock
) -> None:
    exact.revoke_consent()
    time.move(3600)
    with pytest.raises(Halt, match="connector connect"):
        list(make_client().rows(NL, ACCOUNTS, NOBODY))


@pytest.mark.parametrize(
    ("kind", "code", "is_unknown"),
    [
        ("timeout_before_commit", "EXACT_NO_ANSWER", True),
        ("timeout_after_commit", "EXACT_NO_ANSWER", True),
        ("garbage", "EXACT_UNREADABLE", True),
        ("unavailable", "EXACT_UNAVAILABLE", True),
        ("rate_limited_minute", "EXACT_MINUTE_LIMIT", False),
        ("rate_limited_day", "EXACT_DAY_LIMIT", False),
        ("rate_limited_bare", "EXACT_RATE_LIMITED", False),
        ("unauthorized", "EXACT_UNAUTHORIZED", False),
        ("page", "EXACT_UNAVAILABLE", True),
    ],
)
def test_every_fault_of_a_write(
    make_client: MakeClient, exact: ExactSimulator, kind: FaultKind, code: str, is_unknown: bool
) -> None:
    exact.on_call = lambda request: ExactFault(kind) if request.method == "POST" else None
    with pytest.raises(Later) as later:
        make_client().create(NL, ACCOUNTS, {"Name": "Jansen"})
    assert (later.value.code, later.value.outcome_unknown) == (code, is_unknown)
    assert later.value.until > clock.now()
    assert len(exact.calls) == 1


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("mandatory", "Line"),
        ("mandatory", "Purchase"),
        ("invalid", "Unit"),
        ("invalid_reference", "Cost unit"),
        ("too_long", "Your ref."),
        ("exists", ""),
        ("blocked", "VAT code"),
        ("blocked", "G/L account"),
        ("inactive", "Item"),
        ("inactive", "Supplier"),
        ("future", "Item"),
        ("not_found", "Purchase price"),
        ("not_linked", ""),
        ("warehouse_not_linked", ""),
        ("generic", ""),
    ],
)
def test_a_refusal_means_the_same_in_every_language(key: str, label: str) -> None:
    found: set[str] = set()
    for language in LANGUAGES:
        body = {"error": {"message": {"value": say(language, key, label)}}}
        answer = ExactAnswer(500, {}, json.dumps(body).encode())
        fault = errors.interpret(answer, SentRequest(NL, "x", is_write=True))
        found.add(fault.problems[0].code if isinstance(fault, Review) else type(fault).__name__)
    assert len(found) == 1
    assert found != {"EXACT_REFUSED"}


@pytest.mark.parametrize(
    ("kind", "found"), [("utf_16", ["Jansen"]), ("emptied", []), ("odd_row", [{"odd": "Jansen"}])]
)
def test_an_undocumented_answer_to_a_reading(
    make_client: MakeClient, exact: ExactSimulator, kind: FaultKind, found: list[object]
) -> None:
    make_client().create(NL, ACCOUNTS, {"Name": "Jansen"})
    exact.faults.append(ExactFault(kind, "GET", ACCOUNTS))
    query = {"$filter": "Name eq 'Jansen'", "$select": "ID,Name"}
    assert [row["Name"] for row in make_client().rows(NL, ACCOUNTS, query)] == found
