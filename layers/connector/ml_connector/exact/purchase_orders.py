"""Purchase orders as Exact returns them: header and lines apart, or mixed in the sync stream.

Sources: the PurchaseOrders, PurchaseOrderLines and sync pages of Exact's REST reference. In the
stream the header is line number 0, a cost centre is a GUID with its code in another field, and any
change updates the `Timestamp` of header and lines, so an increment holds complete orders.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from msgspec import Struct

from ml_connector.domain.ids import Guid
from ml_connector.domain.money import round_to_cents, round_to_step
from ml_connector.domain.orders.exact_order import OPEN, ExactHeader, ExactLine, ExactOrder
from ml_connector.exact.rows import ReadRow, RowReader

ORDERS_PATH = "purchaseorder/PurchaseOrders"
LINES_PATH = "purchaseorder/PurchaseOrderLines"
STREAM_PATH = "sync/PurchaseOrder/PurchaseOrders"

_HEADER = (
    "PurchaseOrderID,OrderNumber,Supplier,Currency,AmountFC,AmountFCExclVat,OrderDate,ReceiptDate,"
    "YourRef,Description,Remarks,PaymentCondition,Warehouse,OrderStatus,ReceiptStatus,InvoiceStatus"
)
_LINE = (
    "ID,LineNumber,Item,QuantityInPurchaseUnits,UnitPrice,VATCode,Project,Description,Notes,"
    "ReceiptDate,ReceivedQuantity,InvoicedQuantity"
)
HEADER_FIELDS = _HEADER
LINE_FIELDS = f"{_LINE},PurchaseOrderID,CostCenter,CostUnit"
STREAM_FIELDS = ",".join(
    dict.fromkeys(f"Timestamp,{_HEADER},{_LINE},CostCenterCode,CostUnitCode".split(","))
)

_FINEST = Decimal("0.00000001")
"""The decimals that a quantity or unit price keeps."""


def read_header(row: RowReader) -> ExactHeader:
    """Return what the answer to a creation, or a search, says of an order."""
    currency, number = row.text("Currency"), row.text("OrderNumber")
    return ExactHeader(
        id=row.key("PurchaseOrderID"),
        number=int(number) if number.isdecimal() else number or None,
        amount=_amount(row, "AmountFC", currency),
        amount_without_vat=_amount(row, "AmountFCExclVat", currency),
    )


def read_order(row: RowReader, lines: Iterable[ExactLine] = ()) -> ExactOrder:
    """Return the order that a header row and its lines describe."""
    currency = row.text("Currency")
    return ExactOrder(
        id=row.key("PurchaseOrderID"),
        number=row.text("OrderNumber"),
        supplier=row.optional_key("Supplier") or Guid(""),
        currency=currency,
        amount=_amount(row, "AmountFC", currency),
        amount_without_vat=_amount(row, "AmountFCExclVat", currency),
        order_date=row.day("OrderDate"),
        receipt_date=row.day("ReceiptDate"),
        your_ref=row.text("YourRef"),
        description=row.long_text("Description").strip(),
        remarks=row.long_text("Remarks"),
        payment_condition=row.text("PaymentCondition"),
        warehouse=row.optional_key("Warehouse") or Guid(""),
        order_status=row.whole("OrderStatus", absent=OPEN),
        receipt_status=row.whole("ReceiptStatus", absent=OPEN),
        invoice_status=row.whole("InvoiceStatus", absent=OPEN),
        lines=tuple(sorted(lines, key=lambda line: line.number)),
    )


def read_line(row: RowReader) -> ExactLine:
    """Return the line that a row describes."""
    return ExactLine(
        id=row.key("ID"),
        number=row.whole("LineNumber"),
        item=row.optional_key("Item") or Guid(""),
        quantity=_number(row, "QuantityInPurchaseUnits"),
        unit_price=_number(row, "UnitPrice"),
        vat_code=row.text("VATCode"),
        cost_centre=_dimension(row, "CostCenter"),
        cost_unit=_dimension(row, "CostUnit"),
        project=row.optional_key("Project") or Guid(""),
        description=row.long_text("Description").strip(),
        notes=row.long_text("Notes").strip(),
        receipt_date=row.day("ReceiptDate"),
        received=_number(row, "ReceivedQuantity"),
        invoiced=_number(row, "InvoicedQuantity"),
    )


class StreamRow(Struct, frozen=True):
    """A row of the stream: an order's header, or one of its lines."""

    order: Guid
    header: ExactOrder | None = None
    line: ExactLine | None = None


def read_stream_row(row: RowReader) -> StreamRow:
    """Return the header or line that a row of the stream describes; both name their order."""
    id = row.key("PurchaseOrderID")
    if row.required_whole("LineNumber"):
        return StreamRow(id, line=read_line(row))
    return StreamRow(id, header=read_order(row))


def group_stream(
    rows: Iterable[ReadRow[StreamRow]],
    stored: Callable[[Guid], ExactOrder | None],
    known_up_to: int = 0,
) -> list[ExactOrder]:
    """Return the orders of an increment, each as far as it is known.

    Rows up to the row version `known_up_to` are read again: they may be a part of an order, and add
    to what is stored. So do lines without a header, which came earlier; if it never came, the order
    says that it is not complete. An order of which a row cannot be read keeps what is stored.
    """
    by_order: dict[Guid, list[ReadRow[StreamRow]]] = {}
    for row in rows:
        if row.value.order:
            by_order.setdefault(row.value.order, []).append(row)
    return [
        order
        for id, found in by_order.items()
        if (order := _grouped(found, partial(stored, id), known_up_to))
    ]


def _grouped(
    rows: Sequence[ReadRow[StreamRow]],
    stored: Callable[[], ExactOrder | None],
    known_up_to: int,
) -> ExactOrder | None:
    header = next((row.value.header for row in reversed(rows) if row.value.header), None)
    if wrong := next((row.wrong for row in rows if row.wrong), ""):
        known = stored() or header
        return replace(known, unreadable=wrong) if known else None
    lines = {row.value.line.id: row.value.line for row in rows if row.value.line}
    is_part = header is None or all((row.version or 0) <= known_up_to for row in rows)
    before = stored() if is_part else None
    if before:
        lines = {line.id: line for line in before.lines} | lines
    header = header or before or _without_header(rows[0])
    ordered = sorted(lines.values(), key=lambda line: line.number)
    return replace(header, lines=tuple(ordered))


def _without_header(row: ReadRow[StreamRow]) -> ExactOrder:
    """Return what a line says of its order; the amounts are those of the line."""
    known = read_order(RowReader(row.row))
    return replace(
        known, amount=None, amount_without_vat=None, unreadable="only lines of it were read"
    )


def _dimension(row: RowReader, name: str) -> str:
    """Return a code: the stream has it in a field of its own, beside the key."""
    return row.text(f"{name}Code" if row.has(f"{name}Code") else name)


def _number(row: RowReader, name: str) -> Decimal:
    """Return a quantity or unit price; Exact calculates with doubles, whose noise is removed."""
    return round_to_step(row.number(name) or Decimal(0), _FINEST)


def _amount(row: RowReader, name: str, currency: str) -> Decimal | None:
    found = row.number(name)
    return None if found is None else round_to_cents(found, currency)
