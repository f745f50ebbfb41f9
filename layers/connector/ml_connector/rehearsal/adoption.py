"""Adopt what people typed in Exact, as a rehearsal has paired it: the first live month is complete.

Each order is linked by itself, in one transaction with its audit entry; a repetition goes on where
an earlier one was interrupted, and leaves alone what is linked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ml_connector import clock
from ml_connector.domain.faults import Later, Problem, Review
from ml_connector.domain.ids import Actor
from ml_connector.domain.orders.mapping import elsewhere_for, serving_division
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import OrderState
from ml_connector.exceptions.possible_duplicates import (
    Linked,
    link,
    refuse_unwanted,
    shown_unmapped,
)
from ml_connector.infrastructure.ledger import Ledger, OrderRecord
from ml_connector.purchase_orders.fetch import fetch_order, joined
from ml_connector.purchase_orders.prerequisites import supplier_with_stored_data
from ml_connector.purchase_orders.stored_reader import VendorsOnce
from ml_connector.rehearsal.rehearse import Progress, last_rehearsal
from ml_connector.rehearsal.rehearsed_orders import RehearsedOrder, Twin
from ml_connector.rehearsal.report import Rehearsal
from ml_connector.services import Services
from ml_connector.settings.connection import ExactDivision
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

Outcome = Literal["adopted", "linked_before", "not_adopted"]

_ADOPTABLE = {OrderState.NEW, OrderState.RECEIVED, OrderState.REVIEW}


@dataclass(frozen=True)
class Adoption:
    """What became of one order; `why` it was not adopted, and `codes` that it has now.

    `unmapped`: what would have kept it from being posted. Of an adopted order that is shown, and is
    no exception: only its next revision in Airbase has to be mapped.
    """

    order: RehearsedOrder
    twin: Twin
    outcome: Outcome
    why: str = ""
    codes: Sequence[str] = ()
    unmapped: Sequence[Problem] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "order": self.order.id,
            "title": self.order.title,
            "division": self.twin.division,
            "exact_number": self.twin.number,
            "outcome": self.outcome,
            "why": self.why or None,
            "exceptions": list(self.codes),
            "unmapped": [shown_unmapped(each) for each in self.unmapped],
        }


def adopt_rehearsed(
    stack: Stack,
    actor: Actor,
    id: str,
    period: str,
    names: Sequence[str] = (),
    progress: Progress = lambda _done, _all: None,
) -> list[Adoption]:
    """Link the orders that the last rehearsal of `period` has paired, or those with these names.

    Without names, those are left out that another one fits as well, or of which neither a link nor
    a name says that the supplier is the vendor. An order that cannot be mapped is adopted as well.
    Nothing is sent to Exact; what the workers have last read of it counts. Raises `UserError`
    without such a rehearsal, or for a name that it has not paired; what keeps a single order from
    being linked is in its `Adoption`.
    """
    services = stack.services_of(id)
    rehearsal = last_rehearsal(services, period)
    chosen = list(_chosen(rehearsal, names))
    adopting = _Adopting(services, stack.ledger_of(actor, services.id), rehearsal)
    done = []
    for order, twin in chosen:
        done.append(adopting.adopt(order, twin, is_chosen=bool(names)))
        progress(len(done), len(chosen))
    return done


def _chosen(rehearsal: Rehearsal, names: Sequence[str]) -> Iterator[tuple[RehearsedOrder, Twin]]:
    """Yield the orders with these names and their twins; without names, all that have one."""
    paired = [(each, each.twin) for each in rehearsal.orders if each.twin]
    if not names:
        yield from paired
    for name in dict.fromkeys(names):
        found = [(o, twin) for o, twin in paired if name in {o.id, o.number, o.title}]
        if len(found) != 1:
            how_many = "several orders" if found else "no order that was typed in by hand"
            raise UserError(f"the rehearsal {rehearsal.period} has {how_many} called {name!r}")
        yield from found


class _Adopting:
    """Links orders one by one; each vendor is read once."""

    def __init__(self, services: Services, ledger: Ledger, rehearsal: Rehearsal) -> None:
        self._services = services
        self._ledger = ledger
        self._period = str(rehearsal.period)
        self._vendors = VendorsOnce(services)

    def adopt(self, order: RehearsedOrder, twin: Twin, *, is_chosen: bool) -> Adoption:
        """Link an order; raises only what the next order would meet as well."""
        if not twin.is_sure and not is_chosen:
            why = "Another order fits as well: name this one to adopt it."
            return Adoption(order, twin, "not_adopted", why)
        record = self._ledger.order(order.id)
        if not record.version:
            record = replace(record, received_at=clock.now().isoformat())
        if record.facts.exact and record.facts.exact.id == twin.id:
            return Adoption(order, twin, "linked_before")
        try:
            after, unmapped = self._link(order, twin, record, is_chosen=is_chosen)
        except UserError as error:
            return Adoption(order, twin, "not_adopted", " ".join(error.lines))
        except Review as review:
            why = " ".join(f"{each.code}: {each.cause}" for each in review.problems)
            return Adoption(order, twin, "not_adopted", why)
        except Later as later:
            return Adoption(order, twin, "not_adopted", f"{later.code}: {later.cause}")
        codes = [each.code for each in after.problems]
        return Adoption(order, twin, "adopted", codes=codes, unmapped=unmapped)

    def _link(
        self, rehearsed: RehearsedOrder, twin: Twin, record: OrderRecord, *, is_chosen: bool
    ) -> Linked:
        _refuse_other_state(record)
        profile = self._services.connection.profile
        order = fetch_order(
            self._services, rehearsed.id, record,
            join=lambda each: joined(each, profile, self._vendors.get),
        )  # fmt: skip
        refuse_unwanted(order)
        division = self._division(order, twin, is_chosen=is_chosen)
        is_same_vendor = is_chosen or "supplier" in twin.matched_by
        if not is_same_vendor and not supplier_with_stored_data(
            self._services, order, division, record.facts
        ):
            raise UserError(
                f"its vendor {order.vendor} is not linked to a supplier: name it to adopt it"
            )
        found = self._services.exact_orders(twin.division).get(twin.id)
        if found is None:
            raise UserError(f"Exact no longer has order {twin.number}")
        detail = {
            "rehearsal": self._period,
            "exact_number": twin.number,
            "matched_by": list(twin.matched_by),
            "is_sure": twin.is_sure,
        }
        return link(
            self._services, self._ledger, record, order, division, found, _refuse_other_state,
            detail,
        )  # fmt: skip

    def _division(self, order: Order, twin: Twin, *, is_chosen: bool) -> ExactDivision:
        """Return the division in which the order was typed.

        Raises `UserError` when another one serves its subsidiary, or none and nobody has named it.
        """
        connection = self._services.connection
        if elsewhere := elsewhere_for(order.subsidiary, order.order_date, connection):
            raise UserError(str(elsewhere))
        serving = serving_division(order.subsidiary, connection)
        typed_in = connection.division(twin.division)
        if typed_in is None:
            raise UserError(f"division {twin.division} is not one of the connection any more")
        if serving is None and not is_chosen:
            raise UserError(f"no division serves {order.subsidiary}: name it to adopt it")
        if serving is not None and serving != typed_in:
            raise UserError(
                f"division {serving.division} serves it, and the order in Exact is elsewhere"
            )
        return typed_in


def _refuse_other_state(record: OrderRecord) -> None:
    if record.facts.exact:
        raise UserError(f"it is in Exact already, as order {record.facts.exact.number}")
    if record.state not in _ADOPTABLE:
        raise UserError(f"its state is {record.state.replace('_', ' ')}")
