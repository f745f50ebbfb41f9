"""Webhook calls that are refused again and again, with none accepted since, become an exception."""

from datetime import timedelta

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import ConnectionId, RecordKey
from ml_connector.domain.records import EventFacts, EventState
from ml_connector.domain.words import moment
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.webhook_senders import WebhookSenders, WebhookSenderState
from ml_connector.records.tracked_record import TrackedRecord

MOST_REFUSALS = 3
"""Minutes with refused calls, with none accepted since, that are an exception if they span..."""
REFUSED_FOR = timedelta(minutes=15)
"""...this long: a secret that is being changed at both ends is refused for less."""


def check_refused_webhooks(senders: WebhookSenders, ledger: Ledger) -> None:
    """Open an exception for each sender whose calls are refused; close it after an accepted one."""
    for each in senders.all():
        if each.is_told and not each.refusals:
            _tracked(ledger, each).close_exceptions(EventState.HANDLED, "accepted")
            senders.note_told(each, is_told=False)
        elif not each.is_told and _goes_on(each):
            _tracked(ledger, each).apply_fault(Review([refusal(ledger.id, each)]), retry_in=None)
            senders.note_told(each, is_told=True)


def _goes_on(state: WebhookSenderState) -> bool:
    if state.refused_at is None or state.refused_since is None:
        return False
    lasts = state.refused_at - state.refused_since >= REFUSED_FOR
    return lasts and state.refusals >= MOST_REFUSALS


def refusal(id: ConnectionId, state: WebhookSenderState) -> Problem:
    """Return the exception about a sender whose calls are refused."""
    sender = state.sender.capitalize()
    accepted = moment(state.accepted_at) if state.accepted_at else "never"
    return problem(
        "WEBHOOKS_REFUSED", f"{sender}'s webhooks", "since",
        sender=sender, word=state.sender, connection=id, accepted=accepted,
        since=f"{state.refused_since:%Y-%m-%d %H:%M} UTC", reason=state.reason,
    )  # fmt: skip


def _tracked(ledger: Ledger, state: WebhookSenderState) -> TrackedRecord[EventFacts]:
    key = RecordKey(f"event#{state.sender}#refused")
    return TrackedRecord(ledger, ledger.read(key))
