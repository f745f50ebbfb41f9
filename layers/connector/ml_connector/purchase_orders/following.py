"""What is to become of a posted order, now that either side has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from ml_connector.purchase_orders.amendment import (
    Difference,
    Edits,
    differences,
    drift,
    edits,
    is_same,
)
from ml_connector.purchase_orders.comparison import Body
from ml_connector.purchase_orders.exact_order import COMPLETE, ExactOrder
from ml_connector.words import State

Act = Literal["keep", "amend", "remove", "end", "repost", "report"]
WhenCancelled = Literal["report", "delete"]
WhenClosed = Literal["note", "report", "delete"]

_OVER = {State.CANCELLED, State.CLOSED, State.DENIED, State.ARCHIVED}


@dataclass(frozen=True)
class Wish:
    """What Airbase wants now: its state, and the body to hold while the order is to be there.

    `is_under_way`: an earlier change was begun and its outcome not seen. `is_asked`: a person
    has asked for another look. `held_amount`: the total that Exact made of what was written last.
    """

    state: State
    body: Body | None = None
    is_under_way: bool = False
    is_asked: bool = False
    held_amount: Decimal | None = None
    when_cancelled: WhenCancelled = "report"
    when_closed: WhenClosed = "report"


@dataclass(frozen=True)
class Decision:
    """What to do; for `report` the code, always with what differs; for `amend` the edits.

    `detail` is a sentence that the differences do not say.
    """

    act: Act
    code: str = ""
    differences: Sequence[Difference] = ()
    edits: Edits | None = None
    detail: str = ""


def decide(wish: Wish, held: Body, found: ExactOrder | None) -> Decision:
    """Return what to do about an order that was posted as `held` and is `found` in Exact.

    Depends on the latest word of either side alone, not on how they came to it.
    """
    if found is None:
        return _decide_gone(wish)
    if found.is_cancelled:
        return Decision("end") if wish.state in _OVER else Decision("report", "CANCELLED_IN_EXACT")
    if wish.state in _OVER:
        return _decide_over(wish, held, found)
    return _decide_wanted(wish, held, found)


def _decide_gone(wish: Wish) -> Decision:
    if wish.state in _OVER:
        return Decision("end")
    return Decision("repost") if wish.is_asked else Decision("report", "DELETED_IN_EXACT")


def _decide_over(wish: Wish, held: Body, found: ExactOrder) -> Decision:
    if wish.state in {State.DENIED, State.ARCHIVED}:
        return Decision("report", "ENDED_AFTER_POSTING")
    if wish.state is State.CLOSED:
        if wish.when_closed == "note" or found.order_status == COMPLETE:
            return Decision("end")
        if wish.when_closed == "report" or found.is_touched:
            return Decision("report", "CLOSED_AFTER_POSTING")
        return _remove(wish, held, found)
    if found.is_touched:
        return Decision("report", "CANCELLED_AFTER_RECEIPT")
    if wish.when_cancelled == "report":
        return Decision("report", "CANCELLED_AFTER_POSTING")
    return _remove(wish, held, found)


def _remove(wish: Wish, held: Body, found: ExactOrder) -> Decision:
    changed = _drifted(wish, held, found)
    return Decision("report", "CHANGED_IN_BOTH", changed) if changed else Decision("remove")


def _decide_wanted(wish: Wish, held: Body, found: ExactOrder) -> Decision:
    """Amend, unless others changed the order too, or goods or invoices came meanwhile."""
    body = wish.body or held
    change = edits(body, held, found, is_under_way=wish.is_under_way)
    drifted = _drifted(wish, held, found)
    is_unchanged = is_same(body, held)
    if not change and not (drifted and is_unchanged):
        return Decision("keep")
    left = differences(change, found) or drifted
    if drifted:
        return Decision("report", "CHANGED_IN_EXACT" if is_unchanged else "CHANGED_IN_BOTH", left)
    if found.is_touched:
        return Decision("report", "CHANGED_AFTER_RECEIPT", left)
    return Decision("amend", differences=left, edits=change)


def _drifted(wish: Wish, held: Body, found: ExactOrder) -> list[Difference]:
    """Return what others changed; while a change of ours is under way nobody can tell."""
    return [] if wish.is_under_way else drift(held, wish.held_amount, found)
