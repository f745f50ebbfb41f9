"""Read for people what pages of the console show: both vendor lists, mappings, a month, a ping."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ml_connector import clock
from ml_connector.domain.ids import Actor, ConnectionId, Division, OrderId, VendorId
from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.order import Order, Tag
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.domain.reports import (
    ApprovedLine,
    BillsReport,
    CallsLeft,
    KnownBill,
    MappingsReport,
    MonthReport,
    Obligation,
    OrderReport,
    PingReport,
    RankedSupplier,
    Side,
    SiteFigures,
    VendorCase,
    VendorsReport,
)
from ml_connector.health.ping import TOKEN_LIFETIME, ping_connection
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.infrastructure.ledger import OrderRecord
from ml_connector.infrastructure.vendor_links import Link, ProposedSupplier
from ml_connector.mapping.import_export import show
from ml_connector.month_end.obligations import obligations_of
from ml_connector.month_end.reconcile import reconcile
from ml_connector.month_end.report_files import COLUMNS, orders_table
from ml_connector.purchase_orders.bills import list_bills
from ml_connector.purchase_orders.fetch import fetch_order
from ml_connector.records import lookup as records
from ml_connector.services import Services
from ml_connector.stack import RecordStack
from ml_connector.user_errors import UserError
from ml_connector.vendors.parties import supplier_party
from ml_connector.vendors.review.equal_vendors import first_of_equals
from ml_connector.vendors.review.vendor_states import (
    SupplierLookup,
    VendorInDivision,
    VendorStates,
)
from ml_connector.vendors.waiting_orders import waiting_for_link

VENDORS, MAPPINGS, PING = "vendors", "mappings", "ping"
"""The names of the reports; that of a month is `month#2026-11`."""
_MOST_VENDORS, _MOST_CANDIDATES, _MOST_BILLS = 300, 5, 100
_OF_AN_ORDER = timedelta(days=90)
"""So long what was read for one order's page is kept; then its vendor stands there no more."""


def month_name(month: str) -> str:
    """Return the name under which the report of a month is kept."""
    return f"month#{month}"


def order_name(order: str) -> str:
    """Return the name under which an order of Airbase is kept."""
    return f"order#{order}"


def bills_name(order: str) -> str:
    """Return the name under which the bills of an order's vendor are kept."""
    return f"bills#{order}"


class ReportMaker:
    """Reads and keeps the reports of one connection; raises `UserError` and faults."""

    def __init__(self, stack: RecordStack, actor: Actor, id: ConnectionId) -> None:
        """Act for `actor`."""
        self._stack, self._actor, self._id = stack, actor, id
        self._kept = KeptReports(stack.services.tables.mappings, id)

    def vendors(self) -> None:
        """Keep the vendors that a person has to decide about, with both sides."""
        services = self._stack.services_of(self._id)
        cases = sorted(_vendor_cases(services), key=_urgency)
        left = max(0, len(cases) - _MOST_VENDORS)
        report = VendorsReport(clock.now(), tuple(cases[:_MOST_VENDORS]), left)
        self._kept.keep(VENDORS, report)

    def mappings(self) -> None:
        """Keep every value that is mapped, or used in Airbase; reads Airbase."""
        found = show(self._stack.services_of(self._id))
        report = MappingsReport(clock.now(), tuple(found.rows), found.orders, tuple(found.not_read))
        self._kept.keep(MAPPINGS, report)

    def month(self, month: str) -> None:
        """Keep a reconciled month, from Exact's orders as they were read last; reads Airbase."""
        made = reconcile(self._stack, self._actor, self._id, month, is_fresh=False)
        open_now = tuple(_obligations(self._stack.services_of(self._id)))
        rows = tuple(orders_table(made))
        report = MonthReport(made.made_at, made.as_dict(), COLUMNS, rows, open_now)
        self._kept.keep(month_name(str(made.month)), report)

    def ping(self) -> None:
        """Keep the checks of both systems, and what is left of their limits; calls them."""
        services = self._stack.services_of(self._id)
        checks = tuple(each.as_dict() for each in ping_connection(services))
        calls, sites = tuple(_calls(services)), tuple(_sites(services))
        self._kept.keep(PING, PingReport(clock.now(), checks, calls, sites))

    def order(self, order: str) -> None:
        """Keep an order as Airbase has it now."""
        services, id = self._stack.services_of(self._id), OrderId(order)
        found = fetch_order(services, id, services.ledger.order(id))
        self._kept.keep(order_name(order), _approved(found), _OF_AN_ORDER)

    def bills(self, order: str) -> None:
        """Keep the bills of an order's vendor, as Airbase has them; nothing is posted."""
        services = self._stack.services_of(self._id)
        vendor = services.ledger.order(OrderId(order)).facts.vendor_id
        if not vendor:
            raise UserError("the order's vendor is not known yet: have it read in Airbase first")
        found = list_bills(services, vendor=vendor)
        latest = [_bill(each) for each in reversed(found["bills"])]
        kept, left = tuple(latest[:_MOST_BILLS]), max(0, len(latest) - _MOST_BILLS)
        report = BillsReport(clock.now(), kept, left, len(found["unreadable"]))
        self._kept.keep(bills_name(order), report, _OF_AN_ORDER)


def _obligations(services: Services) -> Iterator[Obligation]:
    for each in services.connection.divisions:
        yield from obligations_of(each.division, services.exact_orders(each.division).all())


def _calls(services: Services) -> Iterator[CallsLeft]:
    for site in services.connection.sites:
        limiter = services.exact_at(site.site).rate_limiter
        for each in site.divisions:
            yield CallsLeft(each.division, *limiter.minute_and_day_left(each.division))


def _sites(services: Services) -> Iterator[SiteFigures]:
    for site in services.connection.sites:
        client = services.exact_at(site.site)
        age, day = client.tokens.age(), client.contract_day
        left = None if age is None else max(0.0, (TOKEN_LIFETIME - age) / timedelta(days=1))
        yield SiteFigures(site.site, left, day.title, day.used(), day.share)


def _approved(order: Order) -> OrderReport:
    return OrderReport(
        at=clock.now(),
        title=order.title,
        vendor=str(order.vendor),
        total=str(order.total),
        description=order.description,
        order_date=order.order_date.isoformat(),
        payment_condition=order.payment_condition,
        lines=tuple(
            ApprovedLine(
                description=line.description,
                account=str(line.gl_account.code or line.gl_account),
                quantity=f"{line.quantity:f}",
                unit_price=f"{line.unit_price:f}",
                amount=f"{line.amount:f}",
                vat_code=line.vat_code,
                cost_centre=_cost_centre((*line.tags, *order.tags)),
            )
            for line in order.lines
        ),
    )


def _bill(found: Mapping[str, Any]) -> KnownBill:
    amount = f"{found['currency']} {found['amount']}"
    return KnownBill(
        found["number"], found["date"] or "", amount, found["status"], found["entered"]
    )


def _cost_centre(tags: Iterable[Tag]) -> str:
    found = (each.value for each in tags if each.dimension == "cost_centre")
    return next((each.code or each.name for each in found), "")


def _vendor_cases(services: Services) -> Iterator[VendorCase]:
    orders: defaultdict[tuple[VendorId, Division], list[OrderRecord]] = defaultdict(list)
    for record, vendor, division in waiting_for_link(services.ledger):
        orders[vendor, division].append(record)
    states = VendorStates(services)
    equals = first_of_equals(states.vendors.values())
    for settings in services.connection.divisions:
        key, suppliers = settings.division, states.suppliers(settings.division)
        for each in states.of(key):
            waiting = orders.get((VendorId(each.vendor.id), key), [])
            if each.candidates or (waiting and not _is_settled(each.link, suppliers)):
                same_as = equals.get(each.vendor.id, each.vendor.id)
                yield _vendor_case(each, suppliers, waiting, same_as)


def _is_settled(link: Link | None, suppliers: SupplierLookup) -> bool:
    """Return whether there is nothing to decide: the orders that wait are on their way."""
    known = suppliers.get(link.supplier) if link else None
    return bool(link and not link.doubt and known and known.is_usable_on(clock.now().date()))


def _vendor_case(
    state: VendorInDivision,
    suppliers: SupplierLookup,
    waiting: Sequence[OrderRecord],
    same_as: str,
) -> VendorCase:
    proposal = state.proposal if state.candidates else None
    link = state.link
    name = state.vendor.name or (proposal.vendor_name if proposal else "")
    return VendorCase(
        division=state.division,
        vendor=_side(state.vendor, name or state.vendor.id, state.vendor.external_id),
        rule=proposal.rule if proposal else "",
        evidence=tuple(proposal.evidence) if proposal else (),
        candidates=tuple(_candidates(state.candidates[:_MOST_CANDIDATES], suppliers)),
        linked_to=_supplier(suppliers.get(link.supplier), link.supplier) if link else None,
        doubt=link.doubt if link else "",
        orders=tuple(records.title(each) for each in waiting),
        held_up=tuple(each.facts.total for each in waiting),
        order_keys=tuple(each.key for each in waiting),
        same_as=same_as,
    )


def _candidates(
    proposed: Iterable[ProposedSupplier], suppliers: SupplierLookup
) -> Iterator[RankedSupplier]:
    for each in proposed:
        known = suppliers.get(each.id)
        side = _supplier(known, each.id) if known else Side(each.id, each.code, each.name)
        yield RankedSupplier(side, each.score)


def _supplier(found: Supplier | None, id: str) -> Side:
    if found is None:
        return Side(id, is_usable=False)
    party = supplier_party(found)
    return _side(party, party.name, party.code)


def _side(party: Party, name: str, code: str) -> Side:
    return Side(
        party.id, code, name, party.email, party.vat_number, party.chamber_of_commerce,
        party.country, party.city, party.is_usable,
    )  # fmt: skip


def _urgency(case: VendorCase) -> tuple[int, str, str]:
    return -len(case.orders), case.vendor.name.casefold(), case.division
