"""Decide what to do about a posted order after either side has changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from ml_connector.domain.orders.diff import Body
from ml_connector.domain.orders.edits import Difference, Edits, differences, drift, edits, is_same
from ml_connector.domain.orders.exact_order import COMPLETE, ExactOrder
from ml_connector.domain.states import ApprovalState

Action = Literal["keep", "amend", "remove", "end", "repost", "report"]
WhenCancelled = Literal["report", "delete"]
WhenClosed = Literal["note", "report", "delete"]

_ENDED = {
    ApprovalState.CANCELLED,
    ApprovalState.CLOSED,
    ApprovalState.DENIED,
    ApprovalState.ARCHIVED,
}


@dataclass(frozen=True)
class WantedOrder:
    """What Airbase wants now: the state, and the body that Exact should hold.

    `is_under_way`: the outcome of an earlier change is not known yet. `may_repost`: post the order
    again if it is gone. `last_written_amount`: Exact's total of what was written last, VAT
    included. `approved_total` includes it if `total_includes_vat`.
    """

    state: ApprovalState
    body: Body | None = None
    is_under_way: bool = False
    may_repost: bool = False
    last_written_amount: Decimal | None = None
    approved_total: Decimal | None = None
    total_includes_vat: bool = False
    when_cancelled: WhenCancelled = "report"
    when_closed: WhenClosed = "report"


class Decision(Struct, frozen=True):
    """What to do: `edits` goes with `amend`; `code`, `detail` and `values` with `report`."""

    action: Action
    code: str = ""
    differences: Sequence[Difference] = ()
    edits: Edits | None = None
    detail: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def decide(wanted: WantedOrder, last_written: Body, found: ExactOrder | None) -> Decision:
    """Return what to do about an order written as `last_written` and now `found` in Exact.

    The decision depends only on what both sides are now, not on how they got there.
    """
    if found is None:
        return _decide_gone(wanted)
    if found.is_cancelled:
        is_ended = wanted.state in _ENDED
        return Decision("end") if is_ended else Decision("report", "CANCELLED_IN_EXACT")
    if wanted.state in _ENDED:
        return _decide_ended(wanted, last_written, found)
    return _decide_wanted(wanted, last_written, found)


def _decide_gone(wanted: WantedOrder) -> Decision:
    if wanted.state in _ENDED:
        return Decision("end")
    return Decision("repost") if wanted.may_repost else Decision("report", "DELETED_IN_EXACT")


def _decide_ended(wanted: WantedOrder, last_written: Body, found: ExactOrder) -> Decision:
    if wanted.state in {ApprovalState.DENIED, ApprovalState.ARCHIVED}:
        return Decision("report", "ENDED_AFTER_POSTING")
    if wanted.state is ApprovalState.CLOSED:
        if wanted.when_closed == "note" or found.order_status == COMPLETE:
            return Decision("end")
        if wanted.when_closed == "report" or found.is_touched:
            return Decision("report", "CLOSED_AFTER_POSTING")
        return _remove(wanted, last_written, found)
    if found.is_touched:
        return Decision("report", "CANCELLED_AFTER_RECEIPT")
    if wanted.when_cancelled == "report":
        return Decision("report", "CANCELLED_AFTER_POSTING")
    return _remove(wanted, last_written, found)


def _remove(wanted: WantedOrder, last_written: Body, found: ExactOrder) -> Decision:
    changed = _drifted(wanted, last_written, found)
    return Decision("report", "CHANGED_IN_BOTH", changed) if changed else Decision("remove")


def _decide_wanted(wanted: WantedOrder, last_written: Body, found: ExactOrder) -> Decision:
    """Amend, unless others changed the order too, or it was received or invoiced."""
    body = wanted.body or last_written
    change = edits(body, last_written, found, is_under_way=wanted.is_under_way)
    drifted = _drifted(wanted, last_written, found)
    is_unchanged = is_same(body, last_written)
    if not change and not (drifted and is_unchanged):
        return Decision("keep")
    differing = differences(change, found) or drifted
    if drifted:
        code = "CHANGED_IN_EXACT" if is_unchanged else "CHANGED_IN_BOTH"
        return Decision("report", code, differing)
    if found.is_touched:
        return Decision("report", "CHANGED_AFTER_RECEIPT", differing)
    return Decision("amend", differences=differing, edits=change)


def _drifted(wanted: WantedOrder, last_written: Body, found: ExactOrder) -> list[Difference]:
    """Return what others changed; unknown, so empty, while a change of ours is under way.

    Exact may answer a wrong total first and calculate the right one later: a total that equals
    the approved one was changed by nobody.
    """
    if wanted.is_under_way:
        return []
    total = found.amount if wanted.total_includes_vat else found.amount_without_vat
    is_right = total is not None and total == wanted.approved_total
    return drift(last_written, None if is_right else wanted.last_written_amount, found)
