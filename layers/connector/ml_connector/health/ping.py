"""Ping one connection or all: check both real systems in seconds, without changing them.

The calls count towards Exact's limits, and an expired access token is renewed as before any call.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_connector import clock
from ml_connector.connections.secrets import sender_of
from ml_connector.connections.token_refresh import WARN_AFTER
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault, Halt, Problem, Review
from ml_connector.domain.ids import ConnectionId, Division, Scope, named_scope
from ml_connector.domain.orders.reference_data import CodeKind
from ml_connector.domain.words import command
from ml_connector.domain.words import moment as shown
from ml_connector.exact.client import ExactClient
from ml_connector.exact.contract_day import ContractDay
from ml_connector.exact.odata import parse_moment
from ml_connector.health.airbase import AirbasePing
from ml_connector.health.checks import Check, Checklist, code_of, result_or_fault
from ml_connector.health.division import STOPS_ALL, DivisionPing
from ml_connector.infrastructure.data_form import NEWEST, DataForm
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.sweep_marks import SWEPT_EVERY, Swept
from ml_connector.infrastructure.webhook_senders import WebhookSenderState
from ml_connector.reference_data.refresh import fresh_since
from ml_connector.services import Services
from ml_connector.settings.connection import Dimension, ExactDivision, ExactSite
from ml_connector.settings.served_elsewhere import ServedElsewhere
from ml_connector.stack import RecordStack
from ml_connector.sweep.refused_webhooks import refusal
from ml_connector.user_errors import UserError

TOKEN_LIFETIME = timedelta(days=30)
_DAY = timedelta(days=1)
_SWEPT_WITHIN = 3 * SWEPT_EVERY
_IF_IT_STAYS = "If this stays for ten minutes: `connector connection consent {}`."


def ping(stack: RecordStack, id: str | None = None) -> list[dict[str, Any]]:
    """Return the checks (see `Check.as_dict`) of one connection, or of all."""
    every = stack.services.connections.all
    connections = list(every()) if id is None else [stack.connection(id)]
    if not connections:
        raise UserError("there is no connection yet: `connector connect my-firm` makes one")
    return [
        check.as_dict()
        for each in connections
        for check in ping_connection(stack.services.bound(each))
    ]


def ping_connection(services: Services) -> list[Check]:
    """Return all checks of a connection; a failed one does not stop the others."""
    checklist = Checklist(services.id)
    with checklist.guarding("running"):
        _check_running(checklist, services.ledger)
    with checklist.guarding("sweep"):
        _check_sweep(checklist, services.last_sweep)
    with checklist.guarding("data_form"):
        _check_data_form(checklist, services.data_form)
    if elsewhere := services.connection.served_elsewhere:
        checklist.green("served_elsewhere", _served_elsewhere(elsewhere))
    _check_calls(checklist, services)
    for division in services.mapping_rows.whole(services.connection).divisions:
        with checklist.guarding("vat_code", division.division):
            unusable = _unusable_defaults(services, division)
            if "vat_code" not in unusable:
                _check_vat_code(checklist, division)
            for kind, code in unusable.items():
                checklist.red(
                    kind, _unusable(services.id, division.division, kind, code), division.division
                )
    with ExitStack() as ignored:  # find out whether a system is up, whatever the breakers say
        ignored.enter_context(services.airbase_breaker.bypassed())
        with checklist.guarding("airbase_key"):
            AirbasePing(checklist, services).run()
        for site in services.connection.sites:
            exact_client = services.exact_at(site.site)
            ignored.enter_context(exact_client.circuit_breaker.bypassed())
            with checklist.guarding("consent", site.site):
                _ping_exact(checklist, exact_client, site, services.connection.tag_kinds)
    return checklist.checks


def _check_running(checklist: Checklist, ledger: Ledger) -> None:
    halts = Halts(ledger).all()
    if not halts:
        checklist.green("running", "Nothing stops the connection.")
    for where, halt in sorted(halts.items()):
        detail = f"Stopped: {named_scope(where) or 'all divisions'}."
        cause = f"{halt.cause} {detail}"
        found = Problem(halt.code, halt.record, cause, halt.remedy)
        checklist.red("running", Halt(found))


def _check_sweep(checklist: Checklist, swept: Swept) -> None:
    """Say when the connection was last swept, and what waited then."""
    found = swept.found
    oldest = datetime.fromisoformat(found.oldest) if found.oldest else None
    since = f", the longest since {_minute(oldest)}" if oldest else ""
    detail = (
        f"Last swept {_minute(swept.began)}: orders waiting {found.waiting}"
        f"{since}; open exceptions {found.exceptions}; "
        f"overdue jobs {found.overdue}."
    )
    if swept.began is None:
        checklist.green("sweep", "Not swept yet: within a minute after it was added.")
    elif clock.now() - swept.began > _SWEPT_WITHIN:
        checklist.unknown("sweep", detail)
    else:
        checklist.green("sweep", detail)


def _check_calls(checklist: Checklist, services: Services) -> None:
    """Say of each sender when a webhook call was last accepted and refused, and why."""
    with checklist.guarding("webhook_calls"):
        known = {each.sender: each for each in services.webhook_senders.all()}
        scopes: dict[str, Scope] = {"airbase": None}
        scopes |= {sender_of(site): site.site for site in services.connection.sites}
        for sender, scope in scopes.items():
            _check_sender(checklist, known.get(sender, WebhookSenderState(sender)), scope)


def _check_sender(checklist: Checklist, state: WebhookSenderState, scope: Scope) -> None:
    accepted, refused = _minute(state.accepted_at), _minute(state.refused_at)
    why = f" ({state.reason})" if state.refused_at else ""
    called = state.accepted_at or state.refused_at
    who = state.sender.partition(".")[0].capitalize()
    detail = (
        f"{who} has not called yet."
        if not called
        else (f"{who}: last accepted {accepted}, last refused {refused}{why}.")
    )
    if state.is_told and state.refusals:
        checklist.red("webhook_calls", Review([refusal(checklist.connection, state)]), scope)
    elif state.refusals:
        checklist.unknown("webhook_calls", detail, scope)
    else:
        checklist.green("webhook_calls", detail, scope)


def _minute(moment: datetime | None) -> str:
    return shown(moment) if moment else "never"


def _check_vat_code(checklist: Checklist, division: ExactDivision) -> None:
    scope, default = division.division, division.default_vat_code
    if default:
        checklist.green("vat_code", f"{default} is used where nothing else names one.", scope)
    elif mapped := len(division.mappings.vat_codes):
        checklist.green("vat_code", f"No default; mapped tax codes: {mapped}.", scope)
    elif not division.subsidiaries:
        checklist.green("vat_code", "No default, and no new orders.", scope)
    else:
        found = problem(
            "NO_VAT_CODE", f"Division {scope}", "division",
            connection=checklist.connection, division=scope,
        )  # fmt: skip
        checklist.warn("vat_code", found, scope)


_OF_DEFAULTS: Mapping[CodeKind, tuple[str, str]] = {
    "vat_code": ("UNKNOWN_VAT_CODE", "VAT code"),
    "payment_condition": ("UNKNOWN_PAYMENT_CONDITION", "payment condition"),
}


def _unusable_defaults(services: Services, division: ExactDivision) -> dict[CodeKind, str]:
    """Return the default codes that no order can use; none before Exact's codes were read."""
    defaults: dict[CodeKind, str | None] = {
        "vat_code": division.default_vat_code,
        "payment_condition": division.default_payment_condition,
    }
    if fresh_since(services.reference_store(division.division)) is None:
        return {}
    data = services.division_data(division.division)
    found = {kind: (code, data.code(kind, code)) for kind, code in defaults.items() if code}
    return {kind: code for kind, (code, row) in found.items() if row is None or row.is_blocked}


def _unusable(connection: ConnectionId, division: Division, kind: CodeKind, code: str) -> Review:
    code_of_problem, words = _OF_DEFAULTS[kind]
    change = command("connection", "set", connection, f"{division}.default_{kind}=CODE")
    cause = f"The default {words} {code} is not in division {division}, or is blocked there."
    remedy = f"Set one that is in Exact: {change}."
    return Review([Problem(code_of_problem, f"Division {division}", cause, remedy)])


def _served_elsewhere(entries: Sequence[ServedElsewhere]) -> str:
    parts = (filter(None, (each.subsidiary, each.where, each.period)) for each in entries)
    return f"Not posted here: {'; '.join(', '.join(part) for part in parts)}."


def _check_data_form(checklist: Checklist, data_form: DataForm) -> None:
    stack = data_form.of_stack()
    done = max(stack.done, data_form.of_connection(checklist.connection).done)
    to_do = range(done + 1, NEWEST + 1)
    if to_do:
        steps = ", ".join(map(str, to_do))
        record = f"Connection {checklist.connection}"
        raise Review([problem("DATA_IS_OLD", record, "steps", count=len(to_do), steps=steps)])
    checklist.green("data_form", f"All data have the newest form, {NEWEST}.")


def _ping_exact(
    checklist: Checklist,
    exact_client: ExactClient,
    site: ExactSite,
    tag_kinds: frozenset[Dimension],
) -> None:
    with checklist.guarding("consent", site.site):
        _check_consent(checklist, exact_client, site)
    with checklist.guarding("token_stores", site.site):
        _check_token_stores(checklist, exact_client, site)
    with checklist.guarding("contract", site.site):
        _check_contract(checklist, exact_client.contract_day, site)
    me = result_or_fault(exact_client.current_user)
    _check_user(checklist, site, me)
    with checklist.guarding("exact_clock", site.site):
        theirs = None if isinstance(me, Fault) else _server_time(me)
        checklist.compare_clocks("exact_clock", "Exact", theirs, site.site)
    stopped = me if isinstance(me, Fault) and code_of(me) in STOPS_ALL else None
    for division in site.divisions:
        division_ping = DivisionPing(checklist, exact_client, site, division, tag_kinds)
        division_ping.run(stopped)
        stopped = stopped or division_ping.stopped


def _check_consent(checklist: Checklist, exact_client: ExactClient, site: ExactSite) -> None:
    """Check the age of the consent before this ping itself renews it."""
    age = exact_client.tokens.age()
    if age is None:
        exact_client.tokens.access_token()  # raises the reason
        return
    rest = max(TOKEN_LIFETIME - age, timedelta(0))
    days, left = f"{age / _DAY:.1f}", f"{rest / _DAY:.1f}"
    if age >= WARN_AFTER:
        record = f"Connection {checklist.connection}"
        raise Review([problem("CONSENT_AGEING", record, "age", age=days, left=left)])
    checklist.green("consent", f"Renewed {days} days ago, {left} left.", site.site)


def _check_token_stores(checklist: Checklist, exact_client: ExactClient, site: ExactSite) -> None:
    pairs = exact_client.tokens.pairs
    if found := pairs.problems():
        raise Review(found)
    is_home = pairs.is_home()
    detail = "Secrets Manager has it." if is_home else "Secrets Manager gets it within 18 minutes."
    checklist.green("token_stores", f"The newest token pair is stored. {detail}", site.site)


def _check_contract(checklist: Checklist, day: ContractDay, site: ExactSite) -> None:
    if later := day.spent():
        raise later
    used = day.used()
    who = "readings and orders" if used < day.for_reading else "orders only"
    counted = f"{used:,} of {day.share:,} calls of {day.title} used today"
    checklist.green("contract", f"{counted}; what is left is for {who}.", site.site)


def _check_user(checklist: Checklist, site: ExactSite, me: dict[str, Any] | Fault) -> None:
    if isinstance(me, Fault):
        is_young = code_of(me) == "EXACT_UNAUTHORIZED"
        hint = _IF_IT_STAYS.format(site.id) if is_young else ""
        checklist.red("user", me, site.site, hint)
    else:
        name = me.get("FullName") or me.get("UserName")
        checklist.green("user", f"Exact answers as {name}.", site.site)


def _server_time(me: dict[str, Any]) -> datetime | None:
    """Read `ServerTime`, a wall clock, and `ServerUtcOffset`, its distance from UTC in seconds."""
    text, offset = me.get("ServerTime"), me.get("ServerUtcOffset")
    if not isinstance(text, str) or not isinstance(offset, int | float):
        return None
    try:
        wall = parse_moment(text) if text.startswith("/") else datetime.fromisoformat(text)
    except ValueError:
        return None
    return wall.replace(tzinfo=UTC) - timedelta(seconds=offset) if wall else None
