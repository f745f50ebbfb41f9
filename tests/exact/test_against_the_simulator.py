"""The gateway against the whole simulator: its limits, its tokens, its languages."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.exact_simulator import ExactSimulator, Fault
from local.exact_simulator.faults import Kind as FaultKind
from local.exact_simulator.texts import LANGUAGES, say
from local.memory import MemoryTable, MemoryVault
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.doors import http as http_door
from ml_connector.doors.coordination import ErrorWindow
from ml_connector.exact import errors, odata
from ml_connector.exact.budget import Budget
from ml_connector.exact.errors import Answer, Sent
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.tokens import TokenKeeper
from ml_connector.faults import Halt, Later, Review
from ml_connector.ids import Division, Guid
from ml_connector.secret import Secret
from tests.exact.token_site import BASE, FIRM

NL = Division(111)
ACCOUNTS = "crm/Accounts"
NOBODY = {"$filter": "Code eq 'x'", "$select": "ID"}
MakeGateway = Callable[[], ExactGateway]


@pytest.fixture
def exact(time: MovableClock) -> ExactSimulator:
    site = ExactSimulator(clock=time, deliver=lambda _url, _body: 200)
    site.add_division(NL)
    return site


@pytest.fixture
def make_gateway(exact: ExactSimulator, table: MemoryTable) -> MakeGateway:
    """Make a gateway per process; all share the vault and the coordination table."""
    vault = MemoryVault()
    given = exact.issue_tokens()
    app = {"client_id": exact.client_id, "client_secret": exact.client_secret}
    vault.store("exact-app", FIRM, app)
    pair = (Secret(given["access_token"]), Secret(given["refresh_token"]))
    vault.seal_tokens(FIRM, Tokens(*pair, clock.now()).to_json())

    def make() -> ExactGateway:
        client = http_door.client(exact.transport())
        keeper = TokenKeeper(FIRM, BASE, client, vault, table)
        return ExactGateway(BASE, client, keeper, Budget(table, FIRM), ErrorWindow(table, FIRM))

    return make


def test_rows_are_read_and_written(make_gateway: MakeGateway, exact: ExactSimulator) -> None:
    gateway = make_gateway()
    made = gateway.create(NL, ACCOUNTS, {"Name": "Jansen", "IsSupplier": True})
    key = Guid(made["ID"])
    assert made["Name"] == "Jansen", "the whole entity comes back, not only its key"
    gateway.update(NL, ACCOUNTS, key, {"Name": "Jansen BV"})
    by_key = {"$filter": f"ID eq {odata.guid_literal(key)}", "$select": "ID,Name"}
    assert [row["Name"] for row in gateway.rows(NL, ACCOUNTS, by_key)] == ["Jansen BV"]
    gateway.remove(NL, ACCOUNTS, key)
    assert list(gateway.rows(NL, ACCOUNTS, by_key)) == []
    with pytest.raises(Review, match="EXACT_NOT_FOUND"):
        gateway.remove(NL, ACCOUNTS, key)
    assert gateway.me()["CurrentDivision"] == NL


def test_pages_are_joined(make_gateway: MakeGateway, exact: ExactSimulator) -> None:
    for number in range(130):
        exact.add(NL, "financial/GLAccounts", Code=f"4{number:03}", Description="Costs")
    codes = [row["Code"] for row in make_gateway().rows(NL, "financial/GLAccounts")]
    assert len(set(codes)) == len(codes) == 130


def test_a_minute_is_used_to_57_calls_without_a_429(
    make_gateway: MakeGateway, exact: ExactSimulator, time: MovableClock
) -> None:
    workers = [make_gateway() for _ in range(4)]

    def work(gateway: ExactGateway) -> str:
        for _ in range(60):
            try:
                list(gateway.rows(NL, ACCOUNTS, NOBODY))
            except Later as later:
                return later.code
        return "never full"

    for minute in range(1, 4):
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(work, workers)) == {"EXACT_MINUTE_LIMIT"}
        assert len(exact.calls) >= 57 * minute
        time.move(60)
    assert {call.status for call in exact.calls} == {200}


def test_an_expired_token_costs_one_refresh_and_no_error(
    make_gateway: MakeGateway, exact: ExactSimulator, time: MovableClock
) -> None:
    time.move(3600)
    gateway = make_gateway()
    for _ in range(3):
        list(gateway.rows(NL, ACCOUNTS, NOBODY))
    assert exact.oauth.refreshes == 1
    assert {call.status for call in exact.calls} == {200}


def test_fifty_workers_on_an_expired_token_refresh_once(
    make_gateway: MakeGateway, exact: ExactSimulator, time: MovableClock
) -> None:
    time.move(3600)

    def work(gateway: ExactGateway) -> str:
        try:
            return "ok" if not list(gateway.rows(NL, ACCOUNTS, NOBODY)) else "rows"
        except Later as later:
            return later.code

    with ThreadPoolExecutor(50) as pool:
        seen = set(pool.map(work, [make_gateway() for _ in range(50)]))
    assert exact.oauth.refreshes == 1
    assert seen <= {"ok", "TOKEN_BUSY"}


def test_a_day_of_calls_keeps_one_chain_of_tokens_alive(
    make_gateway: MakeGateway, exact: ExactSimulator, time: MovableClock
) -> None:
    gateway = make_gateway()
    for _ in range(24 * 12):
        list(gateway.rows(NL, ACCOUNTS, NOBODY))
        time.move(300)
    assert exact.oauth.refreshes <= 150
    assert {call.status for call in exact.calls} == {200}


def test_a_revoked_consent_halts(
    make_gateway: MakeGateway, exact: ExactSimulator, time: MovableClock
) -> None:
    exact.revoke_consent()
    time.move(3600)
    with pytest.raises(Halt, match="connector connect"):
        list(make_gateway().rows(NL, ACCOUNTS, NOBODY))


@pytest.mark.parametrize(
    ("kind", "code", "in_doubt"),
    [
        ("timeout_before_commit", "EXACT_NO_ANSWER", True),
        ("timeout_after_commit", "EXACT_NO_ANSWER", True),
        ("garbage", "EXACT_UNREADABLE", True),
        ("unavailable", "EXACT_UNAVAILABLE", True),
        ("rate_limited_minute", "EXACT_MINUTE_LIMIT", False),
        ("rate_limited_day", "EXACT_DAY_LIMIT", False),
        ("rate_limited_bare", "EXACT_RATE_LIMITED", False),
        ("unauthorized", "EXACT_UNAUTHORIZED", False),
    ],
)
def test_every_fault_of_a_write(
    make_gateway: MakeGateway, exact: ExactSimulator, kind: FaultKind, code: str, in_doubt: bool
) -> None:
    exact.on_call = lambda request: Fault(kind) if request.method == "POST" else None
    with pytest.raises(Later) as later:
        make_gateway().create(NL, ACCOUNTS, {"Name": "Jansen"})
    assert (later.value.code, later.value.outcome_unknown) == (code, in_doubt)
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
        answer = Answer(500, {}, json.dumps(body).encode())
        fault = errors.decipher(answer, Sent(NL, "x", is_write=True))
        found.add(fault.problems[0].code if isinstance(fault, Review) else type(fault).__name__)
    assert len(found) == 1
    assert found != {"EXACT_REFUSED"}
