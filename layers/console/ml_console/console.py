"""The console: who calls, whether they may, and which page answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from ml_connector import telemetry
from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.records import OrderFacts
from ml_connector.infrastructure.connection_views import ConnectionView, ConnectionViews
from ml_connector.infrastructure.console_rules import ConsoleRules
from ml_connector.infrastructure.console_sessions import ConsoleSessions, Session
from ml_connector.infrastructure.data_form import DIVISION_KEYS
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.infrastructure.ledger import AnyRecord, Ledger
from ml_connector.infrastructure.queues import Queues
from ml_connector.infrastructure.record_codec import NewerDataError, is_record_key
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.infrastructure.site_keys import SiteKeys
from ml_connector.infrastructure.vendor_links import SupplierProposals
from ml_connector.languages.texts import Texts
from ml_connector.secret import Secret
from ml_console.files import FILES
from ml_console.settings import Settings
from ml_console.texts import best_texts
from ml_console.view import page
from ml_console.visits import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    ForbiddenError,
    NotFoundError,
    Visit,
    connection_and_key,
    form_token,
    is_same,
)
from ml_console.web import Answer, BadRequestError, Request, read_request, redirect

ACTOR = "console"


@dataclass(frozen=True)
class ConsoleTables:
    """The tables that the console reads, and its own."""

    ledger: Table
    audit: Table
    mappings: Table
    console: Table
    reference: Table


class Console:
    """What the pages are made of: tables to read, and a queue for what people ask for."""

    def __init__(
        self,
        settings: Settings,
        tables: ConsoleTables,
        open_queues: Callable[[], Queues],
        client_secret: Callable[[], Secret],
    ) -> None:
        """Use these; `open_queues` and `client_secret` are called when first needed."""
        self.settings = settings
        self.tables = tables
        self.sessions = ConsoleSessions(tables.console)
        self.rules = ConsoleRules(tables.mappings)
        self.client_secret = client_secret
        self._open_queues = open_queues

    @cached_property
    def queues(self) -> Queues:
        """Return the queues: few calls send anything."""
        return self._open_queues()

    def connections(self) -> Iterable[ConnectionView]:
        """Return the stack's connections."""
        return ConnectionViews(self.tables.mappings).all()

    def ledger_of(self, connection: ConnectionView) -> Ledger:
        """Return the records of a connection, for reading."""
        return Ledger(
            self.tables.ledger, self.tables.audit, ACTOR, connection.id, connection.first_site
        )

    def reference_of(self, connection: ConnectionView, division: Division) -> ReferenceStore:
        """Return the reference data of a division, for reading."""
        ledger = self.ledger_of(connection)
        keys = SiteKeys(
            connection.id, connection.first_site, lambda: ledger.has_form(DIVISION_KEYS)
        )
        return ReferenceStore(self.tables.reference, keys, division)

    def proposals_of(self, connection: ConnectionView) -> SupplierProposals:
        """Return the suppliers that were proposed for vendors, for reading."""
        return SupplierProposals(
            self.tables.mappings, SiteKeys(connection.id, connection.first_site)
        )

    def connection(self, id: ConnectionId) -> ConnectionView:
        """Return a connection; raises `NotFoundError`."""
        found = ConnectionViews(self.tables.mappings).get(id)
        if found is None:
            raise NotFoundError
        return found

    def held_in_exact(self, connection: ConnectionView, order: OrderFacts) -> ExactOrder | None:
        """Return an order as Exact reported it last, from what is stored."""
        if order.exact is None or order.division is None:
            return None
        keys = SiteKeys(connection.id, connection.first_site)
        return ExactOrders(self.tables.reference, keys, order.division).get(order.exact.id)

    def record(self, visit: Visit, values: Mapping[str, str]) -> tuple[Ledger, AnyRecord]:
        """Return the record that a query or form names; raises `NotFoundError`."""
        id, key = connection_and_key(values)
        ledger = self.ledger_of(self.connection(id))
        if not is_record_key(key):
            raise NotFoundError
        try:
            record = ledger.read(key)
        except NewerDataError:
            raise NotFoundError from None
        if not record.version or not visit.sees(record):
            raise NotFoundError
        return ledger, record


Handler = Callable[[Console, Visit], Answer]
"""Answers a call of somebody who is signed in."""
PublicHandler = Callable[[Console, Request, Texts], Answer]
"""Answers a call of anybody."""


@dataclass(frozen=True)
class Routes:
    """Which function answers which call, by method and path.

    `least` is the role that is needed somewhere: what a record needs is checked with the record.
    """

    public: Mapping[tuple[str, str], PublicHandler]
    private: Mapping[tuple[str, str], tuple[Role, Handler]]


def respond(event: Mapping[str, Any], console: Console, routes: Routes) -> dict[str, Any]:
    """Answer one call of API Gateway; whatever goes wrong, the answer is a page."""
    texts = best_texts("")
    try:
        request = read_request(event, console.settings.url)
        chosen = request.cookies.get(LANGUAGE_COOKIE, "")
        texts = best_texts(request.headers.get("accept-language", ""), chosen)
        answer = _answer(request, texts, console, routes)
    except BadRequestError:
        answer = page("message.html", texts, 400, message="bad_request")
    except Exception:  # noqa: BLE001  API Gateway's own answer would have none of our headers
        telemetry.logger().exception("a page was not made")
        answer = page("message.html", texts, 500, message="failed")
    return answer.as_result()


def _answer(request: Request, texts: Texts, console: Console, routes: Routes) -> Answer:
    called = request.method, request.path
    if request.method == "GET" and request.path in FILES:
        return FILES[request.path]
    if public := routes.public.get(called):
        return public(console, request, texts)
    if called not in routes.private:
        return _not_found(texts)
    visit = _visit(console, request, texts)
    if isinstance(visit, Answer):
        return visit
    least, handle = routes.private[called]
    try:
        if visit.access.role < least:
            raise ForbiddenError(least)
        return handle(console, visit)
    except NotFoundError:
        return _not_found(texts, visit)
    except ForbiddenError as error:
        return page(
            "message.html", texts, 403, message="role_needed", visit=visit, role=error.role.word
        )


def _visit(console: Console, request: Request, texts: Texts) -> Visit | Answer:
    """Return who calls; or what to answer to somebody who is not signed in, or may not."""
    token = Secret(request.cookies.get(SESSION_COOKIE, ""))
    session = console.sessions.find(token) if token else None
    if session is None:
        if request.method == "GET":
            return redirect(_sign_in_address(request))
        return page("message.html", texts, 401, message="signed_out_meanwhile")
    if request.method != "GET" and not _is_ours(request, token):
        return page("message.html", texts, 403, message="another_site")
    return _visit_of(console, session, token, request, texts)


def _visit_of(
    console: Console, session: Session, token: Secret, request: Request, texts: Texts
) -> Visit | Answer:
    access = console.rules.read().access_of(session.person.subject, session.values)
    if access is None or session.person.issuer != console.settings.issuer:
        console.sessions.end(token)
        return page("message.html", texts, 403, message="no_access", subject=session.person.subject)
    return Visit(request, session.person, access, form_token(token), texts, token)


def _is_ours(request: Request, token: Secret) -> bool:
    """Return whether a form of ours was sent, by a click in our own page.

    Browsers say where a call comes from; the token shows that the page was made for this session.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and origin is None:
        return False
    if site not in {None, "same-origin"} or origin not in {None, request.origin}:
        return False
    return is_same(request.form.get("token", ""), form_token(token))


def _sign_in_address(request: Request) -> str:
    if request.address == "/":
        return "/sign-in"
    return f"/sign-in?to={quote(request.address, safe='')}"


def _not_found(texts: Texts, visit: Visit | None = None) -> Answer:
    return page("message.html", texts, 404, message="not_found", visit=visit)
