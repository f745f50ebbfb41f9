"""The Exact client: what is sent, what is not, and what each answer becomes."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.faults import Fault, Halt, Later, Review
from ml_connector.domain.ids import Division, Guid
from ml_connector.exact.client import ExactClient
from ml_connector.exact.contract_day import ContractDay
from ml_connector.exact.rate_limiter import RateLimiter
from ml_connector.exact.refused_tokens import RefusedTokens
from ml_connector.exact.tokens import TokenProvider
from ml_connector.exact.turns import Turns
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.coordination import ErrorWindow
from ml_connector.settings.connection import Contract
from tests.exact.token_site import BASE, FIRM, SITE_SETTINGS, TokenSite
from tests.site import APP, SITE

NL, BE = Division("nl.111"), Division("nl.222")
KEY = Guid("0f8fad5b-d9cb-469f-a165-70867728950e")
ORDERS = "purchaseorder/PurchaseOrders"


class Exact:
    """Answers in the order a test put them in; notes every request."""

    def __init__(self, site: TokenSite) -> None:
        self.site = site
        self.seen: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/oauth2/token":
            return self.site(request)
        self.seen.append(request)
        answer = self.answers.pop(0) if self.answers else httpx.Response(200, json={"d": []})
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def exact(site: TokenSite) -> Exact:
    return Exact(site)


@pytest.fixture
def exact_client(
    exact: Exact, secret_store: InMemorySecretStore, table: InMemoryTable
) -> ExactClient:
    client = http_clients.client(httpx.MockTransport(exact))
    return ExactClient(
        SITE_SETTINGS,
        client,
        TokenProvider(APP, SITE, BASE, client, secret_store, table),
        RateLimiter(table, FIRM),
        ErrorWindow(table, FIRM),
        RefusedTokens(table, FIRM),
        Turns(table, FIRM),
        ContractDay(table, FIRM, SITE, Contract()),
        table,
    )


def page(rows: list[dict[str, Any]], following: str | None = None) -> httpx.Response:
    inner: dict[str, Any] = {"results": rows}
    return httpx.Response(200, json={"d": inner | ({"__next": following} if following else {})})


def refused(status: int, text: str, **headers: str) -> httpx.Response:
    body = {"error": {"code": "", "message": {"lang": "", "value": text}}}
    return httpx.Response(status, json=body, headers=headers)


def create(exact_client: ExactClient) -> dict[str, Any]:
    return exact_client.create(NL, ORDERS, {"Supplier": KEY}, record="PO-1043")


def fault_of(call: Callable[[], object]) -> Fault:
    with pytest.raises(Fault) as raised:
        call()
    return raised.value


def test_a_question_carries_division_filter_token_and_time_outs(
    exact_client: ExactClient, exact: Exact
) -> None:
    exact.answers = [page([{"ID": KEY}])]
    query = {"$filter": "trim(Code) eq '11'", "$select": "ID,Code"}
    assert list(exact_client.rows(NL, "crm/Accounts", query)) == [{"ID": KEY}]
    (request,) = exact.seen
    assert request.url.path == "/api/v1/111/crm/Accounts"
    assert dict(request.url.params) == query
    assert b"+" not in request.url.query
    assert request.headers["authorization"] == "Bearer access-0"
    assert request.headers["accept"] == "application/json"
    timeouts = request.extensions["timeout"]
    assert all(timeouts[kind] for kind in ("connect", "read", "write", "pool"))


def test_page_addresses_are_followed_unchanged(exact_client: ExactClient, exact: Exact) -> None:
    following = f"{BASE}/api/v1/111/crm/Accounts?$skiptoken=datetime'2018-09-21T04%3A18',guid'x'"
    exact.answers = [page([{"n": 1}], following), page([{"n": 2}])]
    assert [row["n"] for row in exact_client.rows(NL, "crm/Accounts")] == [1, 2]
    assert str(exact.seen[1].url) == following


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.test/api/v1/111/crm/Accounts",
        "http://start.exactonline.nl/api/v1/111/crm/Accounts",
        "https://start.exactonline.nl:444/x",
        "https://user:pw@start.exactonline.nl/x",
        "https://start.exactonline.nl.evil.test/x",
        "/relative",
        "http://[",
        f"{BASE}/api/v1/111/crm/Accounts",
    ],
)
def test_the_token_is_sent_to_exact_only_and_no_page_twice(
    exact_client: ExactClient, exact: Exact, following: str
) -> None:
    exact.answers = [page([{"n": 1}], following)]
    fault = fault_of(lambda: list(exact_client.rows(NL, "crm/Accounts")))
    assert isinstance(fault, Review)
    assert fault.problems[0].code == "EXACT_ODD_ANSWER"
    assert len(exact.seen) == 1


@pytest.mark.parametrize("rows", [[[]], [[{"n": 1}]], [[{"n": 1}], [{"n": 2}]]])
def test_pages_without_end_are_not_followed(
    exact_client: ExactClient, exact: Exact, rows: list[list[dict[str, int]]]
) -> None:
    """Each page has the address of another that never was, and nothing new."""
    exact.answers = [page(rows[n % len(rows)], f"{BASE}/next/{n}") for n in range(9)]
    fault = fault_of(lambda: list(exact_client.rows(NL, "crm/Accounts")))
    assert isinstance(fault, Review)
    assert fault.problems[0].code == "EXACT_ODD_ANSWER"
    assert len(exact.seen) == len(rows) + 1


def test_a_created_entity_is_returned_in_full(exact_client: ExactClient, exact: Exact) -> None:
    exact.answers = [httpx.Response(201, json={"d": {"PurchaseOrderID": KEY}})]
    assert create(exact_client) == {"PurchaseOrderID": KEY}
    (request,) = exact.seen
    assert request.method == "POST"
    assert request.headers["prefer"] == "return=representation"
    assert json.loads(request.content) == {"Supplier": KEY}


def test_changes_address_the_entity(exact_client: ExactClient, exact: Exact) -> None:
    exact.answers = [httpx.Response(204), httpx.Response(204)]
    exact_client.update(NL, ORDERS, KEY, {"Description": "x"})
    exact_client.remove(NL, ORDERS, KEY)
    assert [(r.method, r.url.path) for r in exact.seen] == [
        ("PUT", f"/api/v1/111/{ORDERS}(guid'{KEY}')"),
        ("DELETE", f"/api/v1/111/{ORDERS}(guid'{KEY}')"),
    ]


def test_the_current_user_needs_no_division(exact_client: ExactClient, exact: Exact) -> None:
    exact.answers = [page([{"UserID": KEY}])]
    assert exact_client.current_user() == {"UserID": KEY}
    assert exact.seen[0].url.path == "/api/v1/current/Me"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.ReadError("reset"),
        httpx.Response(201, text="<html>"),
        httpx.Response(201, json={"d": {}}),
        httpx.Response(200),
        httpx.Response(204),
        httpx.Response(302, headers={"location": "https://evil.test"}),
        httpx.Response(500),
        httpx.Response(502, text="<html>"),
        httpx.Response(504),
        httpx.Response(408),
        httpx.Response(599),
    ],
)
def test_a_write_with_an_unknown_outcome_is_not_repeated(
    exact_client: ExactClient, exact: Exact, answer: httpx.Response | Exception
) -> None:
    exact.answers = [answer]
    fault = fault_of(lambda: create(exact_client))
    assert isinstance(fault, Later)
    assert fault.outcome_unknown
    assert fault.until > clock.now()
    assert len(exact.seen) == 1


def test_a_change_whose_answer_is_a_web_page_may_not_have_been_made(
    exact_client: ExactClient, exact: Exact
) -> None:
    exact.answers = [httpx.Response(200, text="<html>Maintenance</html>")]
    fault = fault_of(lambda: exact_client.update(NL, ORDERS, KEY, {"Description": "Paper"}))
    assert isinstance(fault, Later)
    assert fault.outcome_unknown


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("down"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("full"),
        httpx.Response(429),
    ],
)
def test_the_outcome_of_a_write_that_was_not_sent_is_known(
    exact_client: ExactClient, exact: Exact, answer: httpx.Response | Exception
) -> None:
    exact.answers = [answer]
    fault = fault_of(lambda: create(exact_client))
    assert isinstance(fault, Later)
    assert not fault.outcome_unknown


def test_the_outcome_of_a_read_is_never_unknown(exact_client: ExactClient, exact: Exact) -> None:
    for answer in (httpx.ReadTimeout("slow"), httpx.Response(200, text="?"), httpx.Response(503)):
        exact.answers = [answer]
        fault = fault_of(lambda: list(exact_client.rows(NL, "crm/Accounts")))
        assert isinstance(fault, Later)
        assert not fault.outcome_unknown


def test_no_fault_carries_the_token(exact_client: ExactClient, exact: Exact) -> None:
    exact.answers = [httpx.ReadTimeout("slow")]
    fault = fault_of(lambda: create(exact_client))
    assert fault.__cause__ is None
    assert fault.__context__ is None
    assert "access-0" not in str(fault)


def test_a_business_error_is_reviewed_under_the_orders_name(
    exact_client: ExactClient, exact: Exact
) -> None:
    exact.answers = [refused(500, "Geblokkeerd: Btw code")]
    fault = fault_of(lambda: create(exact_client))
    assert isinstance(fault, Review)
    assert [(p.code, p.record) for p in fault.problems] == [("EXACT_VAT_CODE_BLOCKED", "PO-1043")]


def test_an_expired_token_is_renewed_and_the_call_repeated_once(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    time.move(571)
    exact.answers = [httpx.Response(401), httpx.Response(201, json={"d": {"ID": KEY}})]
    assert create(exact_client) == {"ID": KEY}
    tokens = [r.headers["authorization"] for r in exact.seen]
    assert tokens == ["Bearer access-0", "Bearer access-1"]


def test_a_token_renewed_elsewhere_is_picked_up_after_401(
    exact_client: ExactClient,
    exact: Exact,
    make_provider: Callable[[], TokenProvider],
    time: MovableClock,
) -> None:
    exact_client.tokens.access_token()
    time.move(572)
    other = make_provider()
    other.after_refusal(other.access_token())
    exact.answers = [httpx.Response(401), page([])]
    list(exact_client.rows(NL, "crm/Accounts"))
    assert exact.seen[1].headers["authorization"] == "Bearer access-1"
    assert exact.site.calls["refresh_token"] == 1


def test_a_young_token_that_is_refused_waits(exact_client: ExactClient, exact: Exact) -> None:
    exact.answers = [httpx.Response(401)]
    fault = fault_of(lambda: create(exact_client))
    assert isinstance(fault, Later)
    assert fault.code == "EXACT_UNAUTHORIZED"
    assert not fault.outcome_unknown
    assert not exact.site.calls
    assert len(exact.seen) == 1


def fault_of_reading(exact_client: ExactClient, division: Division = NL) -> Fault:
    return fault_of(lambda: list(exact_client.rows(division, "crm/Accounts")))


def refuse_two_tokens(exact_client: ExactClient, exact: Exact, time: MovableClock) -> None:
    """Have a first token and its renewal refused: the next refusal is of a third one."""
    exact.answers = [httpx.Response(401), httpx.Response(401)]
    time.move(571)
    assert isinstance(fault_of_reading(exact_client), Later)
    time.move(600)


def test_a_division_that_refuses_renewed_tokens_is_halted(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    refuse_two_tokens(exact_client, exact, time)
    exact.answers = [httpx.Response(401), httpx.Response(200, json={"d": {}})]
    fault = fault_of_reading(exact_client)
    assert isinstance(fault, Halt)
    assert (fault.problem.code, fault.scope) == ("EXACT_DIVISION_UNAUTHORIZED", NL)
    assert exact.seen[-1].url.path == "/api/v1/current/Me"


def test_tokens_that_are_refused_everywhere_end_in_reconnect(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    refuse_two_tokens(exact_client, exact, time)
    exact.answers = [httpx.Response(401), httpx.Response(401)]
    fault = fault_of_reading(exact_client)
    assert isinstance(fault, Halt)
    assert (fault.problem.code, fault.scope) == ("RECONNECT_NEEDED", SITE)


def test_a_token_that_was_accepted_in_between_halts_nothing(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    refuse_two_tokens(exact_client, exact, time)
    list(exact_client.rows(NL, "crm/Accounts"))
    exact.answers = [httpx.Response(401)]
    assert isinstance(fault_of_reading(exact_client), Later)


def test_one_token_that_is_refused_again_and_again_halts_nothing(
    exact_client: ExactClient, exact: Exact
) -> None:
    for _ in range(4):
        exact.answers = [httpx.Response(401)]
        assert isinstance(fault_of_reading(exact_client), Later)


def test_each_division_counts_its_own_refusals(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    refuse_two_tokens(exact_client, exact, time)
    exact.answers = [httpx.Response(401)]
    assert isinstance(fault_of_reading(exact_client, Division(BE)), Later)


@pytest.mark.parametrize("status", [401, 403])
def test_a_blocked_user_halts_without_a_renewal(
    exact_client: ExactClient, exact: Exact, time: MovableClock, status: int
) -> None:
    time.move(571)
    exact.answers = [refused(status, "", Reason="BlockedUser")]
    fault = fault_of(lambda: create(exact_client))
    assert isinstance(fault, Halt)
    assert fault.problem.code == "EXACT_USER_BLOCKED"
    assert not exact.site.calls


def test_429_stops_the_division_until_the_reset(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    reset = str(int((clock.now() + timedelta(minutes=1)).timestamp() * 1000))
    exact.answers = [
        httpx.Response(
            429,
            headers={
                "X-RateLimit-Minutely-Limit": "60",
                "X-RateLimit-Minutely-Remaining": "0",
                "X-RateLimit-Minutely-Reset": reset,
            },
        )
    ]
    for _ in range(3):
        fault = fault_of(lambda: create(exact_client))
        assert isinstance(fault, Later)
        assert fault.until == clock.now() + timedelta(minutes=1)
    assert len(exact.seen) == 1
    assert list(exact_client.rows(BE, "crm/Accounts")) == []
    time.move(61)
    assert list(exact_client.rows(NL, "crm/Accounts")) == []


def test_a_429_with_a_wait_stops_the_division_beyond_the_minute(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    exact.answers = [httpx.Response(429, headers={"Retry-After": "600"})]
    for seconds in (0, 61, 500):
        time.move(seconds)
        assert isinstance(fault_of(lambda: create(exact_client)), Later)
    assert len(exact.seen) == 1
    time.move(60)
    assert list(exact_client.rows(NL, "crm/Accounts")) == []


def test_a_full_minute_sends_nothing(exact_client: ExactClient, exact: Exact) -> None:
    for _ in range(60):
        list(exact_client.rows(NL, "crm/Accounts"))
    sent = len(exact.seen)
    assert sent >= 57
    fault = fault_of(lambda: create(exact_client))
    assert isinstance(fault, Later)
    assert fault.code == "EXACT_MINUTE_LIMIT"
    assert len(exact.seen) == sent


def test_six_errors_in_an_hour_stop_the_endpoint_of_that_division(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    for _ in range(6):
        exact.answers = [refused(500, "Mandatory: Item")]
        assert isinstance(fault_of(lambda: create(exact_client)), Review)
        time.move(60)
    fault = fault_of(lambda: create(exact_client))
    assert isinstance(fault, Later)
    assert fault.code == "EXACT_ERROR_LIMIT"
    assert len(exact.seen) == 6
    assert list(exact_client.rows(NL, "crm/Accounts")) == []
    assert list(exact_client.rows(BE, ORDERS)) == []
    time.move((fault.until - clock.now()).total_seconds())
    exact.answers = [httpx.Response(201, json={"d": {"ID": KEY}})]
    assert create(exact_client)


def test_temporary_faults_do_not_use_up_the_error_window(
    exact_client: ExactClient, exact: Exact, time: MovableClock
) -> None:
    for _ in range(20):
        exact.answers = [httpx.Response(503)]
        assert isinstance(fault_of(lambda: create(exact_client)), Later)
        # An answer, or the circuit breaker would open.
        assert list(exact_client.rows(NL, "crm/Accounts")) == []
        time.move(60)
    assert len(exact.seen) == 40


def test_no_proxy_of_the_environment_gets_our_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.test:1")
    assert not any(http_clients.client()._mounts.values())
