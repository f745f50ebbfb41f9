"""Vendors to decide about: both systems side by side, and what waits for the decision."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from itertools import zip_longest

from msgspec import Struct

from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import Division
from ml_connector.domain.reports import (
    RankedSupplier,
    Side,
    VendorCase,
    VendorChoice,
    VendorsReport,
    vendor_choice,
)
from ml_connector.messages.kinds import RequestName
from ml_console.console import Console
from ml_console.formats import amounts
from ml_console.report_words import evidence_in_words
from ml_console.routes import asking
from ml_console.view import page
from ml_console.visits import ForbiddenError, NotFoundError, Visit
from ml_console.web import Answer, redirect

PATH = "/vendors"
_A_PAGE, _MOST_TOGETHER = 20, 6
_LONGEST = 300
_NEEDED: Mapping[RequestName, tuple[str, ...]] = {
    "vendor_created": (),
    "vendor_accepted": ("supplier",),
}
_SIDES = ("code", "name", "vat_number", "chamber_of_commerce", "email", "country", "city")


class Row(Struct, frozen=True):
    """One value of each vendor and of the supplier beside them; `mark`: equal, different or empty.

    Vendors with the same values share a column.
    """

    name: str
    left: list[str]
    right: str
    mark: str


class Offer(Struct, frozen=True):
    """A candidate beside the vendors that it is proposed for, value by value.

    `columns` are the numbers of the vendors in each column, `by`: how forms name the supplier.
    `division` is one that has the supplier under this id.
    """

    supplier: Side
    division: Division
    by: str
    percent: int
    columns: list[str]
    rows: list[Row]
    choices: "list[Choice]"


class Waiting(Struct, frozen=True):
    """An order that waits for the vendor; `key` is empty where an earlier release read it."""

    title: str
    key: str


class Choice(Struct, frozen=True):
    """A vendor of a card, as a form names it; ticked when it equals the first one."""

    number: int
    value: str
    vendor: Side
    is_ticked: bool
    divisions: list[str]


class Card(Struct, frozen=True):
    """Vendors that are decided about at once: one that stands twice, or of the same supplier.

    `members` are all of them, each in the divisions where it waits; `create_in`: those that orders
    wait for and that have no supplier. `are_equal`: they are one vendor.
    """

    members: list[Choice]
    divisions: list[str]
    evidence: list[str]
    offers: list[Offer]
    linked_to: Side | None
    doubt: str
    orders: list[Waiting]
    held_up: list[str]
    may_decide: bool
    create_in: list[Choice]
    are_equal: bool

    @property
    def vendor(self) -> Side:
        """Return the first of the vendors."""
        return self.members[0].vendor


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
        vendors=sum(len(each.members) for each in cards),
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
    choices = [vendor_choice(each) for each in dict.fromkeys(visit.request.chosen)]
    divisions = {key for each in choices for key in each.divisions}
    if not divisions <= {key for key, _ in on.divisions}:
        raise NotFoundError
    if not on.may_rule:
        raise ForbiddenError(Role.APPROVER)
    if divisions:
        asking.require(visit, Role.APPROVER, divisions)
    given = {name: form.get(name, "").strip() for name in ("supplier", "reason")}
    needed: tuple[str, ...] = _NEEDED.get(what, ("supplier", "reason"))
    is_whole = all(given[name] for name in needed) and bool(choices)
    is_whole = is_whole and all(each.vendor and each.divisions for each in choices)
    texts = [*given.values(), *(each.vendor for each in choices)]
    if not is_whole or any(len(each) > _LONGEST for each in texts):
        return redirect(f"{PATH}?of={on.connection.id}&missing=1")
    seen = form.get("seen", "")
    named = "\n".join(each.as_text() for each in choices)
    values = {**given, "vendors": named, **({"seen": seen} if seen else {})}
    return asking.ask(console, visit, on.connection, what, PATH, values)


def _cards(visit: Visit, cases: Iterable[VendorCase], seen: dict[str, str]) -> Iterator[Card]:
    """Yield a card for what is decided at once, in the order of the first case of each."""
    one_by_one: defaultdict[tuple[str, ...], list[VendorCase]] = defaultdict(list)
    for case in cases:
        if case.division in seen:
            one_by_one[_alike(case)].append(case)
    together: defaultdict[tuple[str, ...], list[list[VendorCase]]] = defaultdict(list)
    for found in one_by_one.values():
        together[_matter(found[0])].append(found)
    for vendors_of_card in together.values():
        for begin in range(0, len(vendors_of_card), _MOST_TOGETHER):
            yield _card(visit, vendors_of_card[begin : begin + _MOST_TOGETHER], seen)


def _alike(case: VendorCase) -> tuple[str, ...]:
    """Return what a vendor's divisions have in common that are decided about at once."""
    linked = case.linked_to.code if case.linked_to else ""
    return (case.vendor.id, linked, case.doubt, *map(_name, case.candidates))


def _matter(case: VendorCase) -> tuple[str, ...]:
    """Return what several vendors have in common: the supplier, else that they are one vendor."""
    linked = case.linked_to.code if case.linked_to else ""
    first = _name(case.candidates[0]) if case.candidates else ""
    about = first or case.same_as or case.vendor.id
    return (linked, case.doubt, "supplier" if first else "vendor", about)


def _name(candidate: RankedSupplier) -> str:
    return candidate.supplier.code or candidate.supplier.id


def _card(visit: Visit, found: list[list[VendorCase]], seen: dict[str, str]) -> Card:
    every = [case for cases in found for case in cases]
    first, keys = every[0], list(dict.fromkeys(each.division for each in every))
    same = [(cases[0].same_as or cases[0].vendor.id) for cases in found]
    members = [
        _choice(number, cases, same[number - 1] == same[0], seen)
        for number, cases in enumerate(found, 1)
    ]
    waiting = [[each for each in cases if each.orders and not each.linked_to] for cases in found]
    return Card(
        members=members,
        divisions=[seen[key] for key in keys],
        evidence=list(dict.fromkeys(
            evidence_in_words(visit.texts, each) for case in every for each in case.evidence
        )),
        offers=list(_offers(found, members)),
        linked_to=first.linked_to,
        doubt=first.doubt,
        orders=[order for each in every for order in _waiting(each)],
        held_up=_sums(total for each in every for total in each.held_up),
        create_in=[
            _choice(each.number, cases, each.is_ticked, seen)
            for each, cases in zip(members, waiting, strict=True)
            if cases
        ],
        may_decide=all((visit.access.role_for([key]) or 0) >= Role.APPROVER for key in keys),
        are_equal=len(set(same)) == 1,
    )  # fmt: skip


def _choice(number: int, cases: list[VendorCase], is_ticked: bool, seen: dict[str, str]) -> Choice:
    vendor, keys = cases[0].vendor, tuple(each.division for each in cases)
    value = VendorChoice(vendor.id, keys).as_text()
    return Choice(number, value, vendor, is_ticked, [seen[key] for key in keys])


def _offers(found: list[list[VendorCase]], members: list[Choice]) -> Iterator[Offer]:
    """Yield each candidate, with the vendors that it is proposed for."""
    proposed: defaultdict[str, list[tuple[Choice, list[VendorCase], RankedSupplier]]]
    proposed = defaultdict(list)
    for member, cases in zip(members, found, strict=True):
        for candidate in cases[0].candidates:
            proposed[_name(candidate)].append((member, cases, candidate))
    for name, several in proposed.items():
        _, where, best = max(several, key=lambda each: each[2].score)
        divisions = {case.division for _, cases, _ in several for case in cases}
        columns: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for member, _, _ in several:
            values = tuple(str(getattr(member.vendor, each)) for each in _SIDES)
            columns[values].append(str(member.number))
        yield Offer(
            supplier=best.supplier,
            division=Division(where[0].division),
            by=name if len(divisions) > 1 else best.supplier.id,
            percent=round(100 * best.score),
            columns=[", ".join(each) for each in columns.values()],
            rows=list(_rows(list(columns), best.supplier)),
            choices=[member for member, _, _ in several],
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


def _rows(vendors: list[tuple[str, ...]], supplier: Side) -> Iterator[Row]:
    for at, name in enumerate(_SIDES):
        left, right = [each[at] for each in vendors], str(getattr(supplier, name))
        if right or any(left):
            yield Row(name, left, right, _mark(left, right))


def _mark(left: list[str], right: str) -> str:
    known = {each.casefold() for each in left if each}
    if not (known and right):
        return ""
    return "equal" if known == {right.casefold()} else "different"
