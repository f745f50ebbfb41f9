"""Vendors to decide about: both systems side by side, and what waits for the decision."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from itertools import groupby, zip_longest

from msgspec import Struct

from ml_connector.domain.console_access import Role
from ml_connector.domain.reports import Side, VendorCase, VendorsReport
from ml_connector.messages.kinds import RequestName
from ml_console.console import Console
from ml_console.formats import amounts
from ml_console.report_words import evidence_in_words
from ml_console.routes import asking
from ml_console.view import page
from ml_console.visits import NotFoundError, Visit
from ml_console.web import Answer, redirect

PATH = "/vendors"
_A_PAGE = 20
_LONGEST = 300
_SIDES = ("code", "name", "vat_number", "chamber_of_commerce", "email", "country", "city")


class Row(Struct, frozen=True):
    """One value of a vendor and of the supplier beside it; `mark`: equal, different or empty."""

    name: str
    left: str
    right: str
    mark: str


class Offer(Struct, frozen=True):
    """A candidate beside the vendor, value by value."""

    supplier: Side
    percent: int
    rows: list[Row]


class Waiting(Struct, frozen=True):
    """An order that waits for the vendor; `key` is empty where an earlier release read it."""

    title: str
    key: str


class Card(Struct, frozen=True):
    """A vendor, decided about at once in all divisions where the same is proposed."""

    vendor: Side
    divisions: list[tuple[str, str]]
    evidence: list[str]
    offers: list[Offer]
    linked_to: Side | None
    doubt: str
    orders: list[Waiting]
    held_up: list[str]
    may_decide: bool
    create_in: list[tuple[str, str]]
    """Where orders wait for a vendor that has no supplier."""

    @property
    def keys(self) -> str:
        """Return the divisions as a form names them."""
        return " ".join(key for key, _ in self.divisions)


def vendors(console: Console, visit: Visit) -> Answer:
    """Show the vendors that a person has to decide about, those that orders wait for first."""
    on = asking.chosen(console, visit, visit.request.query)
    reports = asking.reports_of(console, on.connection)
    report = reports.read("vendors", VendorsReport)
    seen = dict(on.divisions)
    cards = list(_cards(visit, report.cases if report else (), seen))
    begin = visit.number("from")
    return page(
        "vendors.html",
        visit.texts,
        visit=visit,
        on=on,
        report=report,
        cards=cards[begin : begin + _A_PAGE],
        number=len(cards),
        begin=begin,
        a_page=_A_PAGE,
        notice=asking.notice(visit, reports),
        new_id=asking.new_id,
    )


def read(console: Console, visit: Visit) -> Answer:
    """Have both lists read again."""
    on = asking.chosen(console, visit, visit.request.form)
    asking.require_to_ask(on)
    return asking.ask(console, visit, on.connection, "vendors", PATH)


def accept(console: Console, visit: Visit) -> Answer:
    """Have the vendor linked to a candidate."""
    return _decide(console, visit, "vendor_accepted")


def link(console: Console, visit: Visit) -> Answer:
    """Have the vendor linked to another supplier, by its code."""
    return _decide(console, visit, "vendor_linked")


def create(console: Console, visit: Visit) -> Answer:
    """Have the vendor's supplier created in Exact."""
    return _decide(console, visit, "vendor_created")


def reject(console: Console, visit: Visit) -> Answer:
    """Have it recorded that the vendor is not this supplier."""
    return _decide(console, visit, "vendor_rejected")


def _decide(console: Console, visit: Visit, what: RequestName) -> Answer:
    form = visit.request.form
    on = asking.chosen(console, visit, form)
    divisions = form.get("divisions", "").split()
    if not divisions or not set(divisions) <= {key for key, _ in on.divisions}:
        raise NotFoundError
    asking.require(visit, Role.APPROVER, divisions)
    given = {name: form.get(name, "").strip() for name in ("vendor", "supplier", "reason")}
    needed = {"vendor_created": ("vendor",), "vendor_accepted": ("supplier",)}
    is_whole = all(given[name] for name in needed.get(what, ("supplier", "reason")))
    if not is_whole or any(len(each) > _LONGEST for each in given.values()):
        return redirect(f"{PATH}?of={on.connection.id}&missing=1")
    seen = form.get("seen", "")
    values = {**given, "divisions": " ".join(divisions), **({"seen": seen} if seen else {})}
    return asking.ask(console, visit, on.connection, what, PATH, values)


def _cards(visit: Visit, cases: Iterable[VendorCase], seen: dict[str, str]) -> Iterator[Card]:
    """Yield a card for each vendor and what is proposed for it, in as many divisions as it is."""
    shown = [each for each in cases if each.division in seen]
    order = {each.vendor.id: position for position, each in reversed(list(enumerate(shown)))}

    def alike(case: VendorCase) -> tuple[int, tuple[str, ...], str, str]:
        codes = tuple(each.supplier.code or each.supplier.id for each in case.candidates)
        linked = case.linked_to.code if case.linked_to else ""
        return order[case.vendor.id], codes, linked, case.doubt

    for _, found in groupby(sorted(shown, key=alike), key=alike):
        together = list(found)
        first = together[0]
        keys = [each.division for each in together]
        yield Card(
            vendor=first.vendor,
            divisions=[(key, seen[key]) for key in keys],
            evidence=[evidence_in_words(visit.texts, each) for each in first.evidence],
            offers=[
                Offer(each.supplier, round(100 * each.score), _rows(first.vendor, each.supplier))
                for each in first.candidates
            ],
            linked_to=first.linked_to,
            doubt=first.doubt,
            orders=[order for each in together for order in _waiting(each)],
            held_up=_sums(total for each in together for total in each.held_up),
            create_in=[
                (each.division, seen[each.division])
                for each in together
                if each.orders and not each.linked_to
            ],
            may_decide=all((visit.access.role_for([key]) or 0) >= Role.APPROVER for key in keys),
        )


def _waiting(case: VendorCase) -> Iterator[Waiting]:
    for title, key in zip_longest(case.orders, case.order_keys[: len(case.orders)], fillvalue=""):
        yield Waiting(title, key)


def _sums(totals: Iterable[str]) -> list[str]:
    """Return the sum of each currency; never one across currencies."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for each in totals:
        currency, _, number = each.partition(" ")
        with suppress(InvalidOperation):
            found[currency] += Decimal(number)
    return amounts(found)


def _rows(vendor: Side, supplier: Side) -> list[Row]:
    both = [(each, getattr(vendor, each), getattr(supplier, each)) for each in _SIDES]
    return [Row(name, one, other, _mark(one, other)) for name, one, other in both if one or other]


def _mark(one: str, other: str) -> str:
    if not (one and other):
        return ""
    return "equal" if one.casefold() == other.casefold() else "different"
