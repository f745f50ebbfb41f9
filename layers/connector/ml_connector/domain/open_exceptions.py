"""Which problems of a record are open, since when, and which ones a person has dismissed.

Two problems are the same if code, record and cause are (`Problem.digest`). By digest, a record's
facts keep since when each is open, and who dismissed it; an assignee is responsible for the record.
All of it is removed with the problem: if the problem comes back, it is a new one.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from ml_connector.domain.faults import Problem
from ml_connector.domain.records import Facts, OrderFacts, OrderState

# In these states an order has no problems for a moment; the earlier ones may still come back.
_IN_FLIGHT = frozenset(
    {OrderState.NEW, OrderState.RECEIVED, OrderState.POSTING, OrderState.AMENDING}
)
# Evidence that differs each time a remote gives the same answer.
_VOLATILE = frozenset({"answer", "request_id"})

AnyFacts = TypeVar("AnyFacts", bound=Facts)


def are_alike(some: Iterable[Problem], others: Iterable[Problem]) -> bool:
    """Return whether both lists are the same apart from the remote's raw answer."""
    return [_stable(each) for each in some] == [_stable(each) for each in others]


def tidied(state: str, facts: AnyFacts, now: datetime) -> AnyFacts:
    """Return the facts to be stored: new problems get a date, removed ones lose their facts."""
    found = {each.digest for each in facts.all_problems}
    kept = found | (facts.opened_at.keys() if state in _IN_FLIGHT else set())
    return replace(
        facts,
        opened_at={each: facts.opened_at.get(each, now) for each in sorted(kept)},
        dismissed={each: note for each, note in facts.dismissed.items() if each in kept},
        assignee=facts.assignee if kept else None,
    )


def taken_up(facts: OrderFacts) -> OrderFacts:
    """Return the facts of an order that was set aside, as it is taken up again."""
    return replace(facts, dismissed={}, aside=None, aside_from=None, asked_for=False)


def brief(problem: Problem) -> dict[str, Any]:
    """Return the parts of a problem that lists show, without its evidence."""
    return {name: value for name, value in problem.as_dict().items() if name != "evidence"}


def _stable(problem: Problem) -> Problem:
    kept = {name: value for name, value in problem.evidence.items() if name not in _VOLATILE}
    return replace(problem, evidence=kept)
