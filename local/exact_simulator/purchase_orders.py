"""Purchase orders and their lines, with the rules Exact keeps on them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from local.exact_simulator import checks
from local.exact_simulator.answers import Shape, no_content, single
from local.exact_simulator.checks import Problem
from local.exact_simulator.context import Context
from local.exact_simulator.entities import ENTITIES
from local.exact_simulator.fields import read_body, read_values, wire_date
from local.exact_simulator.listing import Row as AnyRow
from local.exact_simulator.listing import filtered, page
from local.exact_simulator.order_lines import LINE, Buying, converted, fit, total
from local.exact_simulator.refusals import BusinessError, method_not_allowed
from local.exact_simulator.resources import created, existing
from local.exact_simulator.world import Division, Row, World
from local.simulation import Response

ORDER = ENTITIES["purchaseorder/PurchaseOrders"]
_OPEN = 10


def lines_of(division: Division, order_id: str) -> list[Row]:
    """Return an order's lines by line number."""
    lines = division.table(LINE.path).values()
    mine = [line for line in lines if line["PurchaseOrderID"] == order_id]
    return sorted(mine, key=lambda line: line["LineNumber"])


def read_orders(context: Context) -> Response:
    """Answer the orders, with their lines where `$expand` asks for them."""
    rows = filtered(context, ORDER, context.division.table(ORDER.path).values())
    shape = context.shape(ORDER.path, ORDER.key)
    return page(
        context,
        shape,
        rows,
        context.policy.page_size,
        lambda row: _expand(context, row),
    )


def read_order(context: Context, key: str) -> Response:
    """Answer one order."""
    row = existing(context, ORDER, key)
    shape = context.shape(ORDER.path, ORDER.key)
    return single(shape.write(row, _expand(context, row)), as_json=context.as_json)


def read_lines_of(context: Context, key: str) -> Response:
    """Answer the lines behind an order's deferred link."""
    existing(context, ORDER, key)
    rows: list[AnyRow] = list(lines_of(context.division, key))
    return page(context, context.shape(LINE.path), rows, context.policy.page_size)


def create_order(context: Context) -> Response:
    """Create an order with its lines: 201 with the header, the lines deferred."""
    values = read_values(ORDER.path, read_body(context.request.body))
    sent = _lines_sent(values)
    order: Row = {**ORDER.defaults, **values, "PurchaseOrderID": context.world.guid()}
    lines = _fitted(_completed(context, order, sent), sent)
    _number(context.division, order)
    _keep(context.world, context.division, order, _numbered(context.world, lines))
    context.world.tell(context.division, ORDER, "Create", order["PurchaseOrderID"])
    return created(context, ORDER, order)


def update_order(context: Context, key: str) -> Response:
    """Change an order's header, and its lines where the site's policy lets that pass."""
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
    buying = _completed(context, order, lines)
    checks.refuse(checks.unique(context.division, ORDER, order))
    _replace(context, order, _fitted(buying, lines) if nested else lines)
    return no_content()


def delete_order(context: Context, key: str) -> Response:
    """Delete an order of which nothing was received or invoiced."""
    row = existing(context, ORDER, key)
    if row["ReceiptStatus"] != _OPEN or row["InvoiceStatus"] != _OPEN:
        raise BusinessError(("in_use", "Purchase order"))
    for line in lines_of(context.division, key):
        context.world.drop(context.division, LINE, line["ID"], tell=False)
    context.world.drop(context.division, ORDER, key)
    return no_content()


def create_line(context: Context) -> Response:
    """Add one line to its order, where the site's policy lets that pass."""
    values = read_values(LINE.path, read_body(context.request.body))
    if not context.policy.line_additions:
        raise BusinessError(("not_allowed", "Line"))
    order = dict(existing(context, ORDER, str(values.get("PurchaseOrderID"))))
    [line] = _fitted(_buying(context, order), [values])
    _replace(context, order, [*lines_of(context.division, order["PurchaseOrderID"]), line])
    return created(context, LINE, line)


def update_line(context: Context, key: str) -> Response:
    """Change one line."""
    old = existing(context, LINE, key)
    values = read_values(LINE.path, read_body(context.request.body))
    if not context.policy.line_updates:
        raise BusinessError(("not_allowed", "Line"))
    values.pop("PurchaseOrderID", None)
    order = dict(context.division.table(ORDER.path)[old["PurchaseOrderID"]])
    [line] = _fitted(_buying(context, order), [_changed(old, values)])
    lines = lines_of(context.division, order["PurchaseOrderID"])
    _replace(context, order, [line if other["ID"] == key else other for other in lines])
    return no_content()


def delete_line(context: Context, key: str) -> Response:
    """Delete one line; the last one stays as long as its order does."""
    line = existing(context, LINE, key)
    order = dict(context.division.table(ORDER.path)[line["PurchaseOrderID"]])
    rest = [x for x in lines_of(context.division, order["PurchaseOrderID"]) if x["ID"] != key]
    if not rest:
        raise BusinessError(("mandatory", "Lines"))
    _replace(context, order, rest)
    return no_content()


def _expand(context: Context, order: AnyRow) -> Mapping[str, Sequence[AnyRow]]:
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
    """Return a line with new values; its net price follows from a new price or discount."""
    net = {"NetPrice": None} if {"UnitPrice", "Discount"} & set(values) else {}
    return {**line, **net, **values}


def _completed(context: Context, order: Row, lines: Sequence[AnyRow]) -> Buying:
    """Complete an order's header (raises what is wrong with it); its lines come next."""
    world, division = context.world, context.division
    problems = checks.missing(ORDER, {**order, "PurchaseOrderLines": lines})
    problems += checks.too_long(ORDER, order) + checks.link(division, ORDER, order)
    supplier = _buying(context, order).supplier
    checks.refuse(problems or _supplier_problems(world, supplier))
    _fill(world, division, supplier, order)
    checks.refuse(_currency_problems(division, order) + checks.link(division, ORDER, order))
    return Buying(world, division, supplier, order)


def _buying(context: Context, order: Row) -> Buying:
    supplier = context.division.find("crm/Accounts", "ID", order.get("Supplier")) or {}
    return Buying(context.world, context.division, supplier, order)


def _fitted(buying: Buying, sent: Sequence[AnyRow]) -> list[Row]:
    fitted = [fit(buying, line) for line in sent]
    checks.refuse(problem for _, found in fitted for problem in found)
    return [line for line, _ in fitted]


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


def _replace(context: Context, order: Row, lines: list[Row]) -> None:
    """Keep a changed order: lines that are gone are dropped, the others are stamped anew."""
    key = order["PurchaseOrderID"]
    _numbered(context.world, lines)
    stays = {line["ID"] for line in lines}
    for line in lines_of(context.division, key):
        if line["ID"] not in stays:
            context.world.drop(context.division, LINE, line["ID"], tell=False)
    _keep(context.world, context.division, order, lines)
    context.world.tell(context.division, ORDER, "Update", key)


def _keep(world: World, division: Division, order: Row, lines: list[Row]) -> None:
    gross, vat = total(lines, "AmountFC"), total(lines, "VATAmount")
    order.update(_amounts(gross, vat))
    order["AmountDC"] = converted(order["AmountFC"], order)
    order["PurchaseOrderLineCount"] = len(lines)
    world.keep(division, ORDER, order)
    for line in lines:
        line["PurchaseOrderID"] = order["PurchaseOrderID"]
        line["AmountDC"] = converted(line["AmountFC"], order)
        world.keep(division, LINE, line)


def _amounts(gross: Decimal, vat: Decimal) -> dict[str, float]:
    return {
        "AmountFC": float(gross),
        "AmountFCExclVat": float(gross - vat),
        "VATAmount": float(vat),
    }
