"""Reconnect: have a consent asked for, and show its link to who asked, in their browser alone.

The link acts for whoever opens it. Its state is made out of the session, here and again for each
page; the worker gets its digest, and answers with the link without it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.consent_halts import LIFTED_BY_CONSENT
from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import Division, SiteId, site_in
from ml_connector.domain.reports import PingReport
from ml_connector.infrastructure.connection_views import ConnectionView, SiteView
from ml_connector.infrastructure.consents import VALID_FOR, digest_of
from ml_connector.infrastructure.ledger import CONNECTION, ConnectionRecord, Ledger
from ml_connector.secret import Secret
from ml_console.console import Console
from ml_console.routes import asking
from ml_console.routes.asking import Notice
from ml_console.visits import ForbiddenError, NotFoundError, Visit
from ml_console.web import Answer

PATH = "/health"
_DUE_AFTER = timedelta(minutes=2)
_SOON = 5
"""A consent that lasts so many more days, as Exact's tokens of 30 days do when nothing renews them,
is a reason to give another."""
_ENDS: Mapping[str, Literal["given", "denied"]] = {
    "consent_given": "given",
    "consent_denied": "denied",
}


class Link(Struct, frozen=True):
    """What became of the consent that was asked for at a site.

    `url` is for the person who asked, in their browser, as long as the link is `open`: until
    `when`. Otherwise that is since when it is so.
    """

    kind: Literal["open", "elsewhere", "expired", "given", "denied"]
    site: SiteId
    when: datetime
    url: str = ""


class Reconnectable(Struct, frozen=True):
    """A site whose consent the person may have renewed.

    `owner`: another connection whose consent it uses, which is renewed there. `is_urgent`:
    something is stopped that a consent may repair, or it ends soon.
    """

    site: SiteId
    owner: str
    is_urgent: bool


def reconnect(console: Console, visit: Visit) -> Answer:
    """Have a consent asked for at a site; the page shows its link."""
    on = asking.chosen(console, visit, visit.request.form)
    named = visit.request.form.get("site", "")
    site = next((each for each in on.connection.sites if each.site == named), None)
    if site is None or not any(map(visit.sees_division, site.divisions)):
        raise NotFoundError
    if site.owner or not _may(console, visit, site):
        raise ForbiddenError(Role.ADMIN)
    id = asking.id_in(visit.request.form)
    state = _state(visit, on.connection, site.site, id)
    values = {"site": site.site, "digest": digest_of(state.reveal())}
    keep = {"at": str(int(clock.now().timestamp()))}
    return asking.ask(console, visit, on.connection, "consent", PATH, values, keep, id)


def reconnectable(
    console: Console, visit: Visit, connection: ConnectionView, ping: PingReport | None
) -> Iterator[Reconnectable]:
    """Yield the sites that the person may reconnect."""
    days = {each.site: each.consent_days for each in ping.sites} if ping else {}
    record = console.ledger_of(connection).connection()
    for each in connection.sites:
        if _may(console, visit, each):
            left = days.get(each.site, _SOON + 1)
            ends_soon = left is None or left <= _SOON
            is_urgent = ends_soon or _is_stopped(record, each.site)
            yield Reconnectable(each.site, each.owner or "", is_urgent)


def link_of(
    console: Console, visit: Visit, connection: ConnectionView, notice: Notice | None
) -> Link | None:
    """Return what became of the consent that the address names; None for other requests."""
    values = notice.values if notice and notice.kind == "done" else {}
    site = _asked_at(connection, values)
    if site is None or not _may(console, visit, site):
        return None
    until = datetime.fromisoformat(str(values["until"]))
    if ended := _end(console.ledger_of(connection), site.site, until):
        return ended
    if clock.now() >= until:
        return Link("expired", site.site, until)
    state = _state(visit, connection, site.site, visit.request.query["asked"]).reveal()
    if digest_of(state) != values["digest"]:
        return Link("elsewhere", site.site, until)
    return Link("open", site.site, until, f"{values['url']}&{urlencode({'state': state})}")


def due(visit: Visit) -> datetime | None:
    """Return by when the worker should have answered, if the address says when it was asked."""
    at = visit.request.query.get("at", "")
    if not (at.isdecimal() and len(at) <= 10):
        return None
    return datetime.fromtimestamp(int(at), UTC) + _DUE_AFTER


def is_late(visit: Visit) -> bool:
    """Return whether it should have answered by now."""
    at = due(visit)
    return at is not None and clock.now() >= at


def _may(console: Console, visit: Visit, site: SiteView) -> bool:
    """Return whether the person is an administrator of every division that uses the consent.

    Those are the site's, and those of other connections that share its app: a consent of a user
    with other rights stops them, too.
    """
    every = (of for each in console.connections() for of in each.sites)
    divisions = [key for of in every if of.app_of == site.app_of for key in of.divisions]
    roles = [visit.role_for([key]) or 0 for key in divisions]
    return bool(roles) and min(roles) >= Role.ADMIN


def _is_stopped(record: ConnectionRecord, site: SiteId) -> bool:
    """Return whether something of the site is stopped that a consent may repair."""
    return any(
        halt.code in LIFTED_BY_CONSENT and (not where or site_in(Division(where)) == site)
        for where, halt in record.facts.halts.items()
    )


def _state(visit: Visit, connection: ConnectionView, site: SiteId, id: str) -> Secret:
    return visit.secret_of(f"consent {connection.id} {site} {id}")


def _asked_at(connection: ConnectionView, values: Mapping[str, Any]) -> SiteView | None:
    """Return the site of the consent that was asked for, None for what is no such answer."""
    if not {"site", "digest", "url", "until"} <= values.keys():
        return None
    return next((each for each in connection.sites if each.site == values["site"]), None)


def _end(ledger: Ledger, site: SiteId, until: datetime) -> Link | None:
    """Return how a consent at the site ended since this one was asked for, by the audit trail."""
    asked = until - VALID_FOR
    for entry in ledger.latest(CONNECTION):
        at = datetime.fromisoformat(entry.at)
        if at < asked:
            return None
        if entry.step in _ENDS and entry.detail.get("site") == site:
            return Link(_ENDS[entry.step], site, at)
    return None
