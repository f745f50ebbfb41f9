"""The codes of an order and its lines: payment condition, VAT, cost centre, cost unit, project."""

from ml_connector.purchase_orders.books import Code, CodeKind, GLAccount, Supplier, is_active
from ml_connector.purchase_orders.desk import Desk, mapped
from ml_connector.purchase_orders.model import OrderLine, Tag

_MANDATORY, _NOT_USED = 1, 2  # Exact's UseCostcenter and UseCostunit


def payment_condition(desk: Desk, supplier: Supplier | None) -> str:
    """Return the order's own code, else the supplier's, else the division's, else none."""
    wanted = desk.order.payment_condition
    code = (
        desk.division.mappings.payment_conditions.get(wanted, wanted)
        or (supplier.payment_condition if supplier else "")
        or desk.division.default_payment_condition
    )
    if code:
        _known(desk, "payment_condition", code, "", wanted or code)
    return code or ""


def vat_code(
    desk: Desk, line: OrderLine, account: GLAccount | None, supplier: Supplier | None, where: str
) -> str:
    """Return the line's own code, else its account's, the supplier's, the division's, or none."""
    code = (
        desk.division.mappings.vat_codes.get(line.vat_code, line.vat_code)
        or (account.vat_code if account else "")
        or (supplier.vat_code if supplier else "")
        or desk.division.default_vat_code
    )
    if not code:
        return ""
    vat = _known(desk, "vat_code", code, where, line.vat_code or code)
    if vat and vat.percentage_is_included != desk.connection.amounts_include_vat:
        desk.report("VAT_CODE_BASIS", where=where, code=code)
    if vat and not vat.is_for_purchase:
        desk.report("VAT_CODE_NOT_FOR_PURCHASE", where=where, code=code)
    return code


def dimensions(
    desk: Desk, line: OrderLine, account: GLAccount | None, where: str
) -> dict[str, str | None]:
    """Return Exact's fields for the line's tags; the order's tags hold where the line has none."""
    found = _tagged(desk, line.tags, where)
    for kind, code in _tagged(desk, desk.order.tags, "").items():
        found.setdefault(kind, code)
    if account:
        _heed_account(desk, account, found, where)
    cost_centre, cost_unit = found.get("cost_centre"), found.get("cost_unit")
    project = found.get("project")
    return {
        "CostCenter": cost_centre.code if cost_centre else None,
        "CostUnit": cost_unit.code if cost_unit else None,
        "Project": project.id if project else None,
    }


def _heed_account(desk: Desk, account: GLAccount, found: dict[CodeKind, Code], where: str) -> None:
    """Refuse a line without what its account demands, and drop what its account does not take."""
    uses: tuple[tuple[CodeKind, int], ...] = (
        ("cost_centre", account.use_cost_centre),
        ("cost_unit", account.use_cost_unit),
    )
    for kind, use in uses:
        if use == _MANDATORY and kind not in found:
            desk.report(f"{kind.upper()}_MISSING", where=where, account=account.code)
        if use == _NOT_USED:
            found.pop(kind, None)


def _tagged(desk: Desk, tags: tuple[Tag, ...], where: str) -> dict[CodeKind, Code]:
    found: dict[CodeKind, Code] = {}
    for tag in tags:
        kind = desk.connection.tag_dimensions.get(tag.dimension)
        if kind is None:
            if tag.dimension not in desk.connection.ignored_tags:
                desk.report("UNKNOWN_TAG", where=where, tag=tag.dimension)
            continue
        table = getattr(desk.division.mappings, f"{kind}s")
        named = mapped(table, tag.value) or tag.value.code or tag.value.name
        if code := _known(desk, kind, named, where, str(tag.value)):
            found[kind] = code
    return found


def _known(desk: Desk, kind: CodeKind, code: str, where: str, named: str) -> Code | None:
    """Return the coded thing; one that is not there or can not be used is reported."""
    found = desk.books.code(kind, code) if code else None
    if found is None:
        desk.report(f"UNKNOWN_{kind.upper()}", where=where, name=named, code=code)
    elif found.is_blocked or not is_active(None, found.end, desk.order.order_date):
        desk.report(f"{kind.upper()}_BLOCKED", where=where, code=found.code)
    return found
