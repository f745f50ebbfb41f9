"""Protective steps of the protocols, each taken out of the product: the search has to notice."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from local.in_memory import tables
from ml_connector import clock
from ml_connector.domain.orders import next_step
from ml_connector.domain.orders.steps import Move
from ml_connector.domain.records import OrderState
from ml_connector.exact import errors
from ml_connector.exact.tokens import TokenProvider
from ml_connector.infrastructure.coordination import HeldLease, Leases

Taken = Callable[[], AbstractContextManager[Any]]
"""Takes a step out of the product, within a `with` block."""


def _no_look() -> Any:
    """An intent that has settled is taken for not sent, without a look in Exact."""

    def resolve(known: Any) -> Move:
        next_step._wait_until_settled(known, known.facts.intent, "attempt")
        return Move(OrderState.RECEIVED, "not_looked", known.facts)

    return patch.object(next_step, "_resolve_intent", resolve)


def _no_settling() -> Any:
    """Exact is asked at once, while an earlier write may still be under way."""
    return patch.object(next_step, "_wait_until_settled", lambda *_: None)


def _no_claim() -> Any:
    """A record is written over whatever another worker has made of it."""
    return patch.object(tables, "_is_allowed", lambda _: True)


def _unknown_is_absent() -> Any:
    """A POST without an answer is taken for one that was not sent."""
    no_answer = errors.no_answer
    return patch.object(errors, "no_answer", lambda sent, **_: no_answer(sent, was_sent=False))


def _used_before_stored() -> Any:
    """A new token pair is used at once and stored later."""

    def keep(provider: TokenProvider, pair: Any) -> Any:
        provider._unstored = pair
        return pair

    return patch.object(TokenProvider, "_store", keep)


def _two_refreshers() -> Any:
    """A lease is granted to everybody."""
    acquire = Leases.acquire

    def grant(leases: Leases, name: str, lasts: timedelta) -> HeldLease:
        held = acquire(leases, name, lasts)
        return held or HeldLease("", "", "", clock.now() + lasts, -1)

    return patch.object(Leases, "acquire", grant)


FAULTS_OF_POSTING: Mapping[str, Taken] = {
    "no look before a POST after an intent": _no_look,
    "no settling wait": _no_settling,
    "no claim": _no_claim,
    "an unknown outcome is taken for absent": _unknown_is_absent,
}
FAULTS_OF_TOKENS: Mapping[str, Taken] = {
    "a new pair is used before it is stored": _used_before_stored,
    "two refreshers": _two_refreshers,
}
