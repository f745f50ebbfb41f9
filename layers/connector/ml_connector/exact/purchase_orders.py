"""Purchase orders as Exact returns them: header and lines apart, or mixed in the sync stream.

Sources: the PurchaseOrders, PurchaseOrderLines and sync pages of Exact's REST reference. In the
stream the header is line number 0, a cost centre is a GUID with its code in another field, and any
change updates the `Timestamp` of header and lines, so an increment holds complete orders.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ml_connector.domain.ids import Guid
from ml_connector.domain.money import round_to_cents, round_to_step
from ml_connector.domain.orders.exact_order import OPEN, ExactHeader, ExactLine, ExactOrder
from ml_connector.exact.odata import guid, parse_date, trimmed

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

Row = Mapping[str, Any]
_FINEST = Decimal("0.00000001")
"""The decimals that a quantity or unit price keeps."""


def read_header(row: Row) -> ExactHeader:
    """Return what the answer to a creation, or a search, says of an order."""
    currency = trimmed(row.get("Currency"))
    return ExactHeader(
        id=guid(row["PurchaseOrderID"]),
        number=row.get("OrderNumber"),
        amount=_amount(row.get("AmountFC"), currency),
        amount_without_vat=_amount(row.get("AmountFCExclVat"), currency),
    )


def read_order(header: Row, lines: Iterable[Row]) -> ExactOrder:
    """Return the order that a header row and its line rows describe."""
    currency = trimmed(header.get("Currency"))
    return ExactOrder(
        id=guid(header["PurchaseOrderID"]),
        number=str(header.get("OrderNumber") or ""),
        supplier=_key(header.get("Supplier")),
        currency=currency,
        amount=_amount(header.get("AmountFC"), currency),
        amount_without_vat=_amount(header.get("AmountFCExclVat"), currency),
        order_date=parse_date(header.get("OrderDate")),
        receipt_date=parse_date(header.get("ReceiptDate")),
        your_ref=trimmed(header.get("YourRef")),
        description=trimmed(header.get("Description")),
        remarks=str(header.get("Remarks") or ""),
        payment_condition=trimmed(header.get("PaymentCondition")),
        warehouse=_key(header.get("Warehouse")),
        order_status=_status(header.get("OrderStatus")),
        receipt_status=_status(header.get("ReceiptStatus")),
        invoice_status=_status(header.get("InvoiceStatus")),
        lines=tuple(sorted((_line(row) for row in lines), key=lambda line: line.number)),
    )


def group_stream(rows: Iterable[Row]) -> list[ExactOrder]:
    """Return the orders of an increment; lines whose header is not in it are left out."""
    headers: dict[str, Row] = {}
    lines: dict[str, dict[str, Row]] = {}
    for row in rows:
        order = str(row["PurchaseOrderID"])
        if row.get("LineNumber"):
            lines.setdefault(order, {})[str(row["ID"])] = row
        else:
            headers[order] = row
    return [read_order(header, lines.get(id, {}).values()) for id, header in headers.items()]


def _line(row: Row) -> ExactLine:
    return ExactLine(
        id=guid(row["ID"]),
        number=int(row.get("LineNumber") or 0),
        item=_key(row.get("Item")),
        quantity=_number(row.get("QuantityInPurchaseUnits")),
        unit_price=_number(row.get("UnitPrice")),
        vat_code=trimmed(row.get("VATCode")),
        cost_centre=trimmed(row.get("CostCenterCode", row.get("CostCenter"))),
        cost_unit=trimmed(row.get("CostUnitCode", row.get("CostUnit"))),
        project=_key(row.get("Project")),
        description=trimmed(row.get("Description")),
        notes=trimmed(row.get("Notes")),
        receipt_date=parse_date(row.get("ReceiptDate")),
        received=_number(row.get("ReceivedQuantity")),
        invoiced=_number(row.get("InvoicedQuantity")),
    )


def _key(value: Any) -> Guid:
    return guid(value) if value else Guid("")


def _status(value: Any) -> int:
    return OPEN if value is None else int(value)


def _number(value: Any) -> Decimal:
    """Return a quantity or unit price; Exact calculates with doubles, whose noise is removed."""
    return round_to_step(Decimal(str(value or 0)), _FINEST)


def _amount(value: Any, currency: str) -> Decimal | None:
    return None if value is None else round_to_cents(Decimal(str(value)), currency)
