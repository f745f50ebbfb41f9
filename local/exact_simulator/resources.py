"""Reading and writing the ordinary endpoints: accounts, items, GL accounts and others."""

from collections.abc import Callable, Mapping
from typing import Any

from local.exact_simulator import checks
from local.exact_simulator.answers import no_content, single
from local.exact_simulator.context import CallContext
from local.exact_simulator.fields import BLANK, read_body, read_values
from local.exact_simulator.listing import filtered, page
from local.exact_simulator.refusals import not_found
from local.exact_simulator.schema import Entity
from local.exact_simulator.world import Division, Row, World
from local.simulator import Response

_CODE_WIDTH = 18


def read_many(context: CallContext, entity: Entity) -> Response:
    """Answer a collection."""
    shape = context.shape(entity.path, entity.key)
    rows = filtered(context, entity, context.division.table(entity.path).values())
    return page(context, shape, rows, context.policy.page_size)


def read_one(context: CallContext, entity: Entity, key: str) -> Response:
    """Answer one row by its key."""
    row = existing(context, entity, key)
    shape = context.shape(entity.path, entity.key)
    return single(shape.write(row), as_json=context.as_json)


def create(context: CallContext, entity: Entity) -> Response:
    """Create a row: 201, with all fields if the caller or the endpoint wants them."""
    values = read_values(entity.path, read_body(context.request.body))
    row = build(context.world, context.division, entity, values)
    context.world.save(context.division, entity, row, "Create")
    return created(context, entity, row)


def update(context: CallContext, entity: Entity, key: str) -> Response:
    """Change a row: 204."""
    row = existing(context, entity, key)
    values = read_values(entity.path, read_body(context.request.body))
    changed = build(context.world, context.division, entity, {**row, **values})
    context.world.save(context.division, entity, changed, "Update")
    return no_content()


def delete(context: CallContext, entity: Entity, key: str) -> Response:
    """Delete a row that no other refers to: 204."""
    row = existing(context, entity, key)
    label = entity.path.rsplit("/", 1)[1]
    checks.refuse(checks.in_use(context.division, entity, row, label))
    checks.refuse(_bought_through(context.division, entity, row))
    context.world.drop(context.division, entity, key)
    return no_content()


def existing(context: CallContext, entity: Entity, key: str) -> Row:
    """Return a row by its key (raises the 404)."""
    row = context.division.table(entity.path).get(key)
    if row is None:
        raise not_found()
    return row


def created(context: CallContext, entity: Entity, row: Row) -> Response:
    """Return the 201 of a new row."""
    shape = context.entity_shape(entity)
    answer: Mapping[str, Any] = row
    if entity.sparse_answer and not context.wants_all():
        answer = {**BLANK[entity.path], entity.key: row[entity.key]}
    location = shape.uri(row[entity.key])
    return single(shape.write(answer), as_json=context.as_json, status=201, location=location)


def build(world: World, division: Division, entity: Entity, values: Mapping[str, Any]) -> Row:
    """Return a complete, valid row (raises the business errors of an invalid one)."""
    row: Row = {**entity.defaults, **values}
    row.setdefault(entity.key, None)
    row[entity.key] = row[entity.key] or world.guid()
    checks.refuse(checks.missing(entity, row) + checks.too_long(entity, row))
    problems = checks.link(division, entity, row)
    if finish := _FINISH.get(entity.path):
        finish(division, row)
    checks.refuse(problems + checks.unique(division, entity, row))
    return row


def _finish_account(division: Division, row: Row) -> None:
    code = (row.get("Code") or "").strip() or _next_code(division)
    row["Code"] = code.rjust(_CODE_WIDTH)
    if row.get("Country"):
        row["Country"] = row["Country"].strip().ljust(3)
    if row.get("PurchaseCurrency") not in division.currencies:
        row["PurchaseCurrency"] = None


def _next_code(division: Division) -> str:
    codes = (str(row["Code"]).strip() for row in division.table("crm/Accounts").values())
    return str(max((int(code) for code in codes if code.isdigit()), default=0) + 1)


def _finish_vat_code(_division: Division, row: Row) -> None:
    row["Code"] = row["Code"].strip().ljust(3)


def _finish_item(division: Division, row: Row) -> None:
    groups = division.table("logistics/ItemGroups").values()
    if row.get("ItemGroup") is None and (group := next(iter(groups), None)):
        row["ItemGroup"] = group["ID"]
        row["ItemGroupCode"], row["ItemGroupDescription"] = (
            group["Code"],
            group["Description"],
        )
    units = division.table("logistics/Units").values()
    if row.get("Unit") is None and (unit := next(iter(units), None)):
        row["Unit"], row["UnitDescription"] = unit["Code"], unit["Description"]


def _finish_supplier_item(division: Division, row: Row) -> None:
    others = division.table("logistics/SupplierItem").values()
    alone = not any(o["Item"] == row["Item"] and o["ID"] != row["ID"] for o in others)
    row["MainSupplier"] = alone or bool(row.get("MainSupplier"))


_FINISH: Mapping[str, Callable[[Division, Row], None]] = {
    "crm/Accounts": _finish_account,
    "vat/VATCodes": _finish_vat_code,
    "logistics/Items": _finish_item,
    "logistics/SupplierItem": _finish_supplier_item,
}


def _bought_through(division: Division, entity: Entity, row: Row) -> list[checks.Problem]:
    if entity.path != "logistics/SupplierItem":
        return []
    orders = division.table("purchaseorder/PurchaseOrders")
    for line in division.table("purchaseorder/PurchaseOrderLines").values():
        order = orders[line["PurchaseOrderID"]]
        if line["Item"] == row["Item"] and order["Supplier"] == row["Supplier"]:
            return [("in_use", "Item")]
    return []
