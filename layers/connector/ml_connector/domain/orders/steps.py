"""The steps that an order may take next: the worker takes them, a preview shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from ml_connector.domain.faults import Later, Problem, ReadPart
from ml_connector.domain.orders.carrier_items import Prerequisite
from ml_connector.domain.orders.edits import Difference, Edits
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.questions import AnyQuestion
from ml_connector.domain.records import Body, Intent, OrderFacts, OrderState
from ml_connector.settings.connection import ExactDivision


class Read(Struct, frozen=True):
    """Read these answers, and decide again."""

    questions: tuple[AnyQuestion, ...]


class Move(Struct, frozen=True):
    """Move the record to a new state and facts, audited as `step` with `detail`, and decide again.

    `is_last`: nothing is left to do.
    """

    state: OrderState
    step: str
    facts: OrderFacts
    is_last: bool = False
    detail: Mapping[str, Any] | None = None


class Adopt(Struct, frozen=True):
    """Record that the order `facts.exact` in Exact is this one, and decide again."""

    state: OrderState
    step: str
    facts: OrderFacts
    detail: Mapping[str, Any] | None = None


class Create(Struct, frozen=True):
    """Create in Exact what the order needs first, and decide again."""

    division: ExactDivision
    missing: Sequence[Prerequisite]


class Post(Struct, frozen=True):
    """Record the intent, then create the order in Exact.

    `mappings`: those that the body was made with; see `MappedOrder.used`.
    """

    intent: Intent
    body: Body
    mappings: Sequence[Mapping[str, str]] = ()


class Amend(Struct, frozen=True):
    """Change the order in Exact from what was `found` into `body`.

    `mappings`: those that the body was made with; None when it was not mapped anew.
    """

    order: Order
    edits: Edits
    body: Body
    found: ExactOrder
    differences: Sequence[Difference]
    mappings: Sequence[Mapping[str, str]] | None = None


class Remove(Struct, frozen=True):
    """Delete the order in Exact."""

    order: Order


class Wait(Struct, frozen=True):
    """Try again later. `because`: the answer that says so; without it the order could go on."""

    later: Later
    because: AnyQuestion | None = None


class Refuse(Struct, frozen=True):
    """Leave the order to a person; `first` is recorded before.

    `differences`: what it is about; `read`: what lists show of an order that was not recorded yet.
    """

    problems: Sequence[Problem]
    first: Move | None = None
    differences: Sequence[Difference] = ()
    read: ReadPart | None = None


class LeaveAside(Struct, frozen=True):
    """A person has set the order aside."""


class Rest(Struct, frozen=True):
    """Nothing is to be done, and nothing to be recorded."""


Step = Read | Move | Adopt | Create | Post | Amend | Remove | Wait | Refuse | LeaveAside | Rest
