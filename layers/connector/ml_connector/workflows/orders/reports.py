"""What a person is told of a posted order that is not, or not wholly, changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_connector.codes import problem
from ml_connector.faults import Problem
from ml_connector.purchase_orders.amendment import Difference
from ml_connector.purchase_orders.following import Decision

_MOST_SHOWN = 20
_MOST_NAMED = 3


def report_problem(decision: Decision, title: str, number: str) -> Problem:
    """Return what a person is told of a posted order that is not changed."""
    words = decision.detail or f"Exact order {number}. {_in_words(decision.differences)}".strip()
    return problem(decision.code, title, words, evidence=_evidence(decision.differences))


def not_taken_problem(left: Sequence[Difference], title: str, number: str) -> Problem:
    """Return what a person is told when Exact took a change and did not follow it."""
    detail = f"Exact order {number}. {_in_words(left)}"
    return problem("CHANGE_NOT_TAKEN", title, detail, evidence=_evidence(left))


def _evidence(found: Sequence[Difference]) -> Mapping[str, Any]:
    shown = [each.as_dict() for each in found[:_MOST_SHOWN]]
    return {"differences": shown} if shown else {}


def _in_words(found: Sequence[Difference]) -> str:
    if not found:
        return ""
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return "; ".join(str(each) for each in found[:_MOST_NAMED]) + more + "."
