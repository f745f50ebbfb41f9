"""Purchase orders and their lines, with Exact's rules."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from local.exact_simulator import checks
from local.exact_simulator.answers import Shape, no_content, single
from local.exact_simulator.checks import Problem
from local.exact_simulator.context import CallContext
from local.exact_simulator.entities import ENTITIES
from local.exact_simulator.fields import read_body, read_values, wire_date
from local.exact_simulator.listing import Row as AnyRow
from local.exact_simulator.listing import filtered, page
from local.exact_simulator.order_lines import (
    LINE,
    OrderContext,
    complete_line,
    converted,
    recalculate,
    total,
)
from local.exact_simulator.refusals import BusinessError, method_not_allowed
from local.exact_simulator.resources import created, existing
from local.exact_simulator.world import Division, Row, World
from local.simulator import Response

ORDER = ENTITIES["purchaseorder/PurchaseOrders"]
_OPEN = 10
_PAYMENT_CONDITION_COUNTRIES = frozenset({"DE", "ES"})


def lines_of(division: Division, order_id: str) -> list[Row]:
    """Return an order's lines by line number."""
    lines = division.table(LINE.path).values()
    mine = [line for line in lines if line["PurchaseOrderID"] == order_id]
    return sorted(mine, key=lambda line: line["LineNumber"])


def read_orders(context: CallContext) -> Response:
    """Answer the orders, with their lines if `$expand` asks for them."""
    rows = filtered(context, ORDER, context.division.table(ORDER.path).values())
    shape = context.shape(ORDER.path, ORDER.key)
    return page(
        context,
        shape,
        rows,
        context.policy.page_size,
        lambda row: _expand(context, row),
    )


def read_order(context: CallContext, key: str) -> Response:
    """Answer one order."""
    row = existing(context, ORDER, key)
    shape = context.shape(ORDER.path, ORDER.key)
    return single(shape.write(row, _expand(context, row)), as_json=context.as_json)


def read_lines_of(context: CallContext, key: str) -> Response:
    """Answer the lines behind an order's deferred link."""
    existing(context, ORDER, key)
    rows: list[AnyRow] = list(lines_of(context.division, key))
    return page(context, context.shape(LINE.path), rows, context.policy.page_size)


def create_order(context: CallContext) -> Response:
    """Create an order with its lines: 201 with the header, the lines deferred."""
    values = read_values(ORDER.path, read_body(context.request.body))
    sent = _lines_sent(values)
    order: Row = {**ORDER.defaults, **values, "PurchaseOrderID": context.world.guid()}
    lines = _completed_lines(_completed_header(context, order, sent), sent)
    _number(context.division, order)
    _store(context.world, context.division, order, _numbered(context.world, lines))
    context.world.notify(context.division, ORDER, "Create", order["PurchaseOrderID"])
    return created(context, ORDER, order)


def update_order(context: CallContext, key: str) -> Response:
    """Change an order's header, and its lines where the site's policy allows it."""
    policy = context.policy
    if not policy.order_updates:
        raise method_not_allowed()
    row = existing(context, ORDER, key)
    values = read_values(ORDER.path, read_body(context.request.body))
    nested = "PurchaseOrderLines" in values
    if nested and not (policy.nested_line_updates or policy.nested_merge):
        raise BusinessError(("not_allowed", "Lines"))
    old = lines_of(context.division, key)
    keys = [line.get("ID") for line in values.get("PurchaseOrderLines") or []]
    lines = _lines_sent(values) if nested else old
    if nested and policy.nested_merge:
        lines = _merged(old, keys, lines)
    order = {**row, **values}
    order_context = _completed_header(context, order, lines)
    checks.refuse(checks.unique(context.division, ORDER, order))
    lines = _completed_lines(order_context, lines) if nested else lines
    _replace(context, order, lines, is_header_modified=True)
    return no_content()


def delete_order(context: CallContext, key: str) -> Response:
    """Delete an order that is neither received nor invoiced."""
    row = existing(context, ORDER, key)
    if row["ReceiptStatus"] != _OPEN or row["InvoiceStatus"] != _OPEN:
        raise BusinessError(("in_use", "Purchase order"))
    for line in lines_of(context.division, key):
        context.world.drop(context.division, LINE, line["ID"], notify=False)
    context.world.drop(context.division, ORDER, key)
    return no_content()


def create_line(context: CallContext) -> Response:
    """Add one line to its order, where the site's policy allows it."""
    values = read_values(LINE.path, read_body(context.request.body))
    if not context.policy.line_additions:
        raise BusinessError(("not_allowed", "Line"))
    order = dict(existing(context, ORDER, str(values.get("PurchaseOrderID"))))
    [line] = _completed_lines(_order_context(context, order), [values])
    _replace(context, order, [*lines_of(context.division, order["PurchaseOrderID"]), line])
    return created(context, LINE, line)


def update_line(context: CallContext, key: str) -> Response:
    """Change one line."""
    old = existing(context, LINE, key)
    values = read_values(LINE.path, read_body(context.request.body))
    if not context.policy.line_updates:
        raise BusinessError(("not_allowed", "Line"))
    values.pop("PurchaseOrderID", None)
    order = dict(context.division.table(ORDER.path)[old["PurchaseOrderID"]])
    [line] = _completed_lines(_order_context(context, order), [_changed(old, values)])
    lines = lines_of(context.division, order["PurchaseOrderID"])
    _replace(context, order, [line if other["ID"] == key else other for other in lines])
    return no_content()


def delete_line(context: CallContext, key: str) -> Response:
    """Delete one line, unless it is the order's last."""
    line = existing(context, LINE, key)
    order = dict(context.division.table(ORDER.path)[line["PurchaseOrderID"]])
    rest = [x for x in lines_of(context.division, order["PurchaseOrderID"]) if x["ID"] != key]
    if not rest:
        raise BusinessError(("mandatory", "Lines"))
    _replace(context, order, rest)
    return no_content()


def _expand(context: CallContext, order: AnyRow) -> Mapping[str, Sequence[AnyRow]]:
    wanted = context.request.query.get("$expand", "")
    if "PurchaseOrderLines" not in wanted.split(","):
        return {}
    shape = Shape(LINE.path, context.request.origin, context.division.code)
    lines = lines_of(context.division, order["PurchaseOrderID"])
    return {"PurchaseOrderLines": [shape.write(line) for line in lines]}


def _lines_sent(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [read_values(LINE.path, sent) for sent in values.pop("PurchaseOrderLines", None) or []]


def _merged(
    old: Sequence[Row], keys: Sequence[str | None], sent: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the old lines with what was sent for them, then the new ones."""
    by_key = {keys[at]: line for at, line in enumerate(sent) if keys[at]}
    new = [line for at, line in enumerate(sent) if not keys[at]]
    return [_changed(line, by_key.get(line["ID"], {})) for line in old] + new


def _changed(line: Row, values: Mapping[str, Any]) -> Row:
    """Return a line with new values; a new price or discount changes its net price."""
    net = {"NetPrice": None} if {"UnitPrice", "Discount"} & set(values) else {}
    return {**line, **net, **values}


def _completed_header(context: CallContext, order: Row, lines: Sequence[AnyRow]) -> OrderContext:
    """Complete an order's header (raises its problems); return the context of its lines."""
    world, division = context.world, context.division
    problems = checks.missing(ORDER, {**order, "PurchaseOrderLines": lines})
    problems += checks.too_long(ORDER, order) + checks.link(division, ORDER, order)
    supplier = _order_context(context, order).supplier
    checks.refuse(problems or _supplier_problems(world, supplier))
    _fill(world, division, supplier, order)
    problems = _currency_problems(division, order) + checks.link(division, ORDER, order)
    checks.refuse(problems + _payment_problems(context, order))
    return OrderContext(world, division, supplier, order)


def _order_context(context: CallContext, order: Row) -> OrderContext:
    supplier = context.division.find("crm/Accounts", "ID", order.get("Supplier")) or {}
    return OrderContext(context.world, context.division, supplier, order)


def _completed_lines(order_context: OrderContext, sent: Sequence[AnyRow]) -> list[Row]:
    completed = [complete_line(order_context, line) for line in sent]
    checks.refuse(problem for _, found in completed for problem in found)
    return [line for line, _ in completed]


def _supplier_problems(world: World, supplier: Row) -> list[Problem]:
    if not supplier.get("IsSupplier"):
        return [("invalid_reference", "Supplier")]
    if supplier.get("Blocked"):
        return [("blocked", "Supplier")]
    return checks.out_of_date(world, supplier, "Supplier")


def _fill(world: World, division: Division, supplier: Row, order: Row) -> None:
    order["OrderDate"] = order.get("OrderDate") or wire_date(world.today_ms())
    order["ReceiptDate"] = order.get("ReceiptDate") or order["OrderDate"]
    currency = order.get("Currency") or supplier.get("PurchaseCurrency")
    order["Currency"] = currency or division.currency
    condition = order.get("PaymentCondition") or supplier.get("PaymentConditionPurchase")
    order["PaymentCondition"] = condition
    main = next(iter(division.table("inventory/Warehouses")), None)
    order["Warehouse"] = order.get("Warehouse") or main


def _currency_problems(division: Division, order: Row) -> list[Problem]:
    known = order["Currency"] in division.currencies
    return [] if known else [("invalid_reference", "Currency")]


def _payment_problems(context: CallContext, order: Row) -> list[Problem]:
    is_required = context.policy.payment_condition_required
    concerned = context.division.country.strip() in _PAYMENT_CONDITION_COUNTRIES
    absent = is_required and concerned and not order.get("PaymentCondition")
    return [("mandatory", "Payment condition")] if absent else []


def _number(division: Division, order: Row) -> None:
    if order.get("OrderNumber") is None:
        order["OrderNumber"] = division.next_order_number
    else:
        checks.refuse(checks.unique(division, ORDER, order))
    division.next_order_number = max(division.next_order_number, order["OrderNumber"] + 1)


def _numbered(world: World, lines: list[Row]) -> list[Row]:
    for position, line in enumerate(lines, start=1):
        line["LineNumber"] = position
        line["ID"] = line.get("ID") or world.guid()
    return lines


def touch(world: World, division: Division, key: str) -> None:
    """Stamp an order and its lines again and notify, as after a change of a line alone."""
    for row in lines_of(division, key):
        world.store(division, LINE, row, is_modified=False)
    world.store(division, ORDER, division.table(ORDER.path)[key], is_modified=False)
    world.notify(division, ORDER, "Update", key)


def reprice(division: Division, line: Row, changed: Iterable[str]) -> None:
    """Set the amounts of a line that a user changes, and of its order."""
    recalculate(division, line, changed)
    order = division.table(ORDER.path).get(line["PurchaseOrderID"])
    if order is not None:
        line["AmountDC"] = converted(line["AmountFC"], order)
        _sum_up(
            order,
            [
                line,
                *(
                    each
                    for each in lines_of(division, line["PurchaseOrderID"])
                    if each["ID"] != line["ID"]
                ),
            ],
        )


def _replace(
    context: CallContext, order: Row, lines: list[Row], *, is_header_modified: bool = False
) -> None:
    """Store a changed order: delete the lines it lacks, stamp the others again.

    The header's `Modified` moves only with the header itself; the stream shows either change.
    """
    key = order["PurchaseOrderID"]
    _numbered(context.world, lines)
    remaining = {line["ID"] for line in lines}
    for line in lines_of(context.division, key):
        if line["ID"] not in remaining:
            context.world.drop(context.division, LINE, line["ID"], notify=False)
    _store(context.world, context.division, order, lines, is_modified=is_header_modified)
    context.world.notify(context.division, ORDER, "Update", key)


def _store(
    world: World, division: Division, order: Row, lines: list[Row], *, is_modified: bool = True
) -> None:
    _sum_up(order, lines)
    order["PurchaseOrderLineCount"] = len(lines)
    world.store(division, ORDER, order, is_modified=is_modified)
    for line in lines:
        line["PurchaseOrderID"] = order["PurchaseOrderID"]
        line["AmountDC"] = converted(line["AmountFC"], order)
        world.store(division, LINE, line)


def _sum_up(order: Row, lines: list[Row]) -> None:
    order.update(_amounts(total(lines, "AmountFC"), total(lines, "VATAmount")))
    order["AmountDC"] = converted(order["AmountFC"], order)


def _amounts(gross: Decimal, vat: Decimal) -> dict[str, float]:
    return {
        "AmountFC": float(gross),
        "AmountFCExclVat": float(gross - vat),
        "VATAmount": float(vat),
    }
