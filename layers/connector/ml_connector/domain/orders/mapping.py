"""Map and validate an approved order: return what to send to Exact, or everything wrong with it."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from msgspec import Struct, field

from ml_connector.domain.ids import site_of
from ml_connector.domain.money import to_wire
from ml_connector.domain.orders.carrier_items import (
    MissingCarrierItem,
    Prerequisite,
    find_carrier,
    find_gl_account,
    find_missing_link,
)
from ml_connector.domain.orders.decided import Decided
from ml_connector.domain.orders.dimensions import dimensions, payment_condition, vat_code
from ml_connector.domain.orders.marker import marker, your_ref
from ml_connector.domain.orders.order import Order, OrderLine, Reference
from ml_connector.domain.orders.reference_data import DivisionData, GLAccount, Item, Supplier
from ml_connector.domain.orders.supplier import choose_supplier
from ml_connector.domain.orders.validation import MappingContext, Problems
from ml_connector.domain.records import Elsewhere
from ml_connector.domain.texts import cut, in_one_line, length
from ml_connector.settings.connection import Connection, ExactDivision
from ml_connector.settings.exact_sites import Language

_DESCRIPTION_LENGTH = 60
_GL_ACCOUNT: Mapping[Language, str] = {
    "en": "GL account",
    "nl": "Grootboekrekening",
    "de": "Sachkonto",
    "fr": "Compte général",
    "es": "Cuenta contable",
}


class MappedOrder(Struct, frozen=True):
    """What to send to Exact: first what is `missing`, then one POST of `body`."""

    body: Mapping[str, Any]
    missing: tuple[Prerequisite, ...]
    used: tuple[Mapping[str, str], ...] = ()
    """The mappings and the link that were used: `kind`, `airbase` and `exact` of each."""


def pick_division(order: Order, connection: Connection) -> ExactDivision:
    """Return the division that serves the order's subsidiary.

    Raises `Review` when none does: Exact's own "current division" is never used.
    """
    found = serving_division(order.subsidiary, connection)
    if found is None:
        problems = Problems(order.title)
        problems.add("UNKNOWN_SUBSIDIARY", subsidiary=str(order.subsidiary))
        raise problems.as_review(order.read_part)
    return found


def serving_division(subsidiary: Reference, connection: Connection) -> ExactDivision | None:
    """Return the division that serves a subsidiary, by its most reliable key; None without one."""
    for key in subsidiary.keys:
        for division in connection.divisions:
            if key in division.subsidiaries:
                return division
    return None


def elsewhere_for(
    subsidiary: Reference, day: date | None, connection: Connection
) -> Elsewhere | None:
    """Return why an order of this subsidiary and day of approval is not posted here, or None."""
    for key in subsidiary.keys:
        for each in connection.served_elsewhere:
            if each.subsidiary == key and each.includes(day):
                return Elsewhere(str(subsidiary), each.where)
    return None


def refuse_contradiction(order: Order, connection: Connection) -> None:
    """Raise `Review` when a division serves the subsidiary that is always served elsewhere.

    Only by another of its names: the settings refuse an equal one.
    """
    division = serving_division(order.subsidiary, connection)
    is_always = elsewhere_for(order.subsidiary, None, connection) is not None
    if division and is_always:
        problems, at = Problems(order.title), division.division
        problems.add("SUBSIDIARY_SERVED_TWICE", subsidiary=str(order.subsidiary), division=at)
        raise problems.as_review(order.read_part)


def map_order(
    order: Order,
    connection: Connection,
    division: ExactDivision,
    division_data: DivisionData,
    decided: Decided | None = None,
) -> MappedOrder:
    """Return what to send; raises `Review` with all problems of header and lines together.

    `decided`: what a person has said about this order alone.
    """
    problems = Problems(order.title)
    context = MappingContext(order, connection, division, division_data, problems, decided or {})
    _check_total(context)
    _check_currency(context)
    supplier = choose_supplier(context)
    header = _header(context, supplier)
    lines = _Lines(context, supplier)
    body = header | {"PurchaseOrderLines": [lines.map(line) for line in order.lines]}
    context.problems.raise_if_any()
    used = ({"kind": k, "airbase": a, "exact": e} for (k, a), e in context.used.items())
    return MappedOrder(body, tuple(lines.missing.values()), tuple(used))


def asked_mappings(
    order: Order, connection: Connection, division: ExactDivision
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield kind and keys of the Airbase values whose mappings are not in the settings."""
    for kind, keys in dict.fromkeys(_airbase_values(order, connection)):
        if keys and division.mappings.rows_of(kind):
            yield kind, keys


def _airbase_values(order: Order, connection: Connection) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "suppliers", order.vendor.keys
    yield "payment_conditions", (order.payment_condition,)
    tags = [*order.tags, *(tag for line in order.lines for tag in line.tags)]
    for tag in tags:
        if kind := connection.tag_dimensions.get(tag.dimension):
            yield f"{kind}s", tag.value.keys
    for line in order.lines:
        yield "gl_accounts", line.gl_account.keys
        yield "vat_codes", (line.vat_code,)


def _check_total(context: MappingContext) -> None:
    approved = context.order.total
    total = sum(line.amount for line in context.order.lines)
    if total != approved.amount:
        context.report("TOTAL_MISMATCH", total=str(approved), lines=str(total))


def _check_currency(context: MappingContext) -> None:
    currency = context.order.total.currency
    if currency not in {context.division.currency, *context.division.other_currencies}:
        context.report("CURRENCY_NOT_ACTIVE", currency=currency)


def _header(context: MappingContext, supplier: Supplier | None) -> dict[str, Any]:
    order = context.order
    text = marker(context.connection.id, order.id, order.revision)
    title = order.title.replace("[", "(")  # so that it cannot imitate another order's marker
    return _without_blanks(
        {
            "Supplier": supplier and supplier.id,
            "OrderDate": order.order_date.isoformat(),
            "ReceiptDate": _iso(order.receipt_date),
            "Currency": order.total.currency,
            "YourRef": your_ref(order.number, order.id),
            "Description": _description(order.description),
            "Remarks": f"Airbase {title} {text}",
            "PaymentCondition": payment_condition(context, supplier),
            "Warehouse": context.division.warehouse,
        }
    )


class _Lines(Struct):
    """Maps the lines of one order and collects the missing prerequisites, each once."""

    context: MappingContext
    supplier: Supplier | None
    missing: dict[str, Prerequisite] = field(default_factory=dict)

    def map(self, line: OrderLine) -> dict[str, Any]:
        context, where = self.context, f"line {line.number}"
        if line.amount <= 0:
            context.report("NOT_POSITIVE", where=where, total=str(line.amount))
        account = find_gl_account(context, line, where)
        item = self._item(account, line, where) if account else None
        return _without_blanks(
            {
                "Item": item and item.id,
                "QuantityInPurchaseUnits": to_wire(line.quantity),
                "UnitPrice": to_wire(line.unit_price),
                "Description": _description(line.description),
                "Notes": self._notes(line, account),
                "ReceiptDate": _iso(line.receipt_date or context.order.receipt_date),
                "VATCode": vat_code(context, line, account, self.supplier, where),
                **dimensions(context, line, account, where),
            }
        )

    def _notes(self, line: OrderLine, account: GLAccount | None) -> str:
        """Return the requested GL account in words, since the line has no field for it."""
        text = line.description if length(line.description) > _DESCRIPTION_LENGTH else ""
        if account is None:
            return text
        connection, division = self.context.connection, self.context.division.division
        word = _GL_ACCOUNT[connection.language_at(site_of(division))]
        return f"{word} {account.code}. {text}".strip()

    def _item(self, account: GLAccount, line: OrderLine, where: str) -> Item | None:
        found = find_carrier(self.context, account, where)
        if isinstance(found, MissingCarrierItem):
            self.missing[found.name] = found
            return None
        if found and self.supplier:
            link = find_missing_link(self.context, found, self.supplier, line)
            if link:
                self.missing.setdefault(link.name, link)
        return found


def _description(text: str) -> str:
    """Return the part that fits the field: one line, counted as Exact counts."""
    return cut(in_one_line(text), _DESCRIPTION_LENGTH)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}
