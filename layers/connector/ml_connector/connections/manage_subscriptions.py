"""Exact's webhook subscriptions: list them, and replace those with another address."""

from collections.abc import Iterator
from typing import Any

from ml_connector.connections import manage as connections
from ml_connector.connections.webhook_subscriptions import (
    ensure_subscriptions,
    topics_held_by_others,
)
from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import Actor, Division
from ml_connector.exact import subscriptions
from ml_connector.exact.client import ExactClient
from ml_connector.exact.subscriptions import Subscription
from ml_connector.infrastructure.webhook_senders import WebhookSenderState
from ml_connector.services import Services
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError, safe_lines


def list_webhooks(services: Services) -> dict[str, Any]:
    """Return the subscriptions of each division, including the missing ones.

    `state` is "ours", "elsewhere", "missing" or "unseen" (another user's subscription has the
    topic, and the app cannot see its address). `trouble`: divisions that could not be read, why.
    `calls`: when calls of each sender were last accepted and refused, and why.
    """
    connection = services.connection
    rows: list[dict[str, Any]] = []
    trouble: list[str] = []
    for site in connection.sites:
        for each in site.divisions:
            try:
                rows += _rows(services, site, each.division)
            except Fault as fault:
                trouble += safe_lines(f"division {each.division}: {fault}")
    return {
        "connection": connection.id,
        "callback_urls": {site.site: site.exact_callback_url for site in connection.sites},
        "subscriptions": rows,
        "calls": [_calls(state) for state in services.webhook_senders.all()],
        "trouble": trouble,
    }


def _calls(state: WebhookSenderState) -> dict[str, Any]:
    accepted, refused = (
        moment.isoformat(timespec="seconds") if moment else None
        for moment in (state.accepted_at, state.refused_at)
    )
    return {
        "sender": state.sender,
        "accepted_at": accepted,
        "refused_at": refused,
        "reason": state.reason or None,
    }


def move(stack: Stack, actor: Actor, id: str) -> dict[str, Any]:
    """Replace the subscriptions to our topics that have another address.

    Returns the result of `list_webhooks`, with the deleted ones under `moved`. The audit trail
    records who did it. Raises `UserError` when the connection has no callback URL.
    """
    services = stack.services_of(id)
    connection = services.connection
    sites = [site for site in connection.sites if site.exact_callback_url]
    if not sites:
        url = stack.addresses.of(connection.sites[0].id)["exact"]
        raise UserError(
            f'{id} has no exact_callback_url: set it to "{url}" in its file and add it again'
        )
    wanted = [
        (each.division, found)
        for site in sites
        for each in site.divisions
        for found in _elsewhere(services.exact(each.division), site, each.division)
    ]
    moved = [{"division": d, "topic": found.topic, "address": found.url} for d, found in wanted]
    connections.record_step(stack.ledger_of(actor, connection.id), "webhooks_moved", removed=moved)
    for division, found in wanted:
        subscriptions.remove(services.exact(division), division, found)
    for site in sites:
        ensure_subscriptions(services, site, stack.ledger_of(actor, services.id))
    return {**list_webhooks(stack.services_of(id)), "moved": moved}


def subscribe(stack: Stack, actor: Actor, connection: Connection) -> list[str]:
    """Create missing subscriptions; return what failed: the token refresh tries it again."""
    services = stack.services.bound(connection)
    trouble: list[str] = []
    for site in connection.sites:
        try:
            found = ensure_subscriptions(services, site, stack.ledger_of(actor, services.id))
        except Fault as fault:
            trouble += safe_lines(str(fault))
        else:
            trouble += safe_lines(*(str(each) for each in found))
    return trouble


def _rows(services: Services, site: ExactSite, division: Division) -> Iterator[dict[str, Any]]:
    existing = subscriptions.list_visible(services.exact(division), division)
    for found in existing:
        state = "ours" if found.is_at(site.exact_callback_url) else "elsewhere"
        yield _row(division, found.topic, found.url, state)
    held = topics_held_by_others(services.shared_values, site, division)
    for topic in site.exact_topics:
        if topic not in {found.topic for found in existing}:
            yield _row(division, topic, None, "unseen" if topic in held else "missing")


def _row(division: Division, topic: str, url: str | None, state: str) -> dict[str, Any]:
    return {"division": division, "topic": topic, "address": url, "state": state}


def _elsewhere(
    exact_client: ExactClient, site: ExactSite, division: Division
) -> list[Subscription]:
    existing = subscriptions.list_visible(exact_client, division)
    return [
        found
        for found in existing
        if found.topic in site.exact_topics and not found.is_at(site.exact_callback_url)
    ]
