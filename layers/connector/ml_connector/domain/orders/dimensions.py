"""The codes of an order and its lines: payment condition, VAT, cost centre, cost unit, project."""

from collections.abc import Mapping

from ml_connector.domain.ids import site_of
from ml_connector.domain.orders.decided import demanded_by
from ml_connector.domain.orders.order import OrderLine, Tag
from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Supplier, is_active
from ml_connector.domain.orders.validation import MappingContext

_MANDATORY, _NOT_USED = 1, 2  # Exact's UseCostcenter and UseCostunit
# Exact demands one in purchase entries there; whether in orders, too, is not published.
_DEMANDING_PAYMENT_CONDITION = {"DE": "Germany", "ES": "Spain"}

_UNKNOWN: Mapping[CodeKind, str] = {
    "cost_centre": "UNKNOWN_COST_CENTRE",
    "cost_unit": "UNKNOWN_COST_UNIT",
    "project": "UNKNOWN_PROJECT",
    "vat_code": "UNKNOWN_VAT_CODE",
    "payment_condition": "UNKNOWN_PAYMENT_CONDITION",
}
_IN_WORDS: Mapping[CodeKind, str] = {
    "cost_centre": "cost centre",
    "cost_unit": "cost unit",
    "project": "project",
}
_BLOCKED: Mapping[CodeKind, str] = {
    "cost_centre": "COST_CENTRE_BLOCKED",
    "cost_unit": "COST_UNIT_BLOCKED",
    "project": "PROJECT_BLOCKED",
    "vat_code": "VAT_CODE_BLOCKED",
    "payment_condition": "PAYMENT_CONDITION_BLOCKED",
}


def payment_condition(context: MappingContext, supplier: Supplier | None) -> str:
    """Return the order's own code, else the supplier's, else the division's, else none.

    None is reported where Exact demands one.
    """
    requested = context.order.payment_condition
    mapped = context.mapped("payment_conditions", requested)
    code = (
        (requested if mapped is None else mapped)
        or (supplier.payment_condition if supplier else "")
        or context.division.default_payment_condition
    )
    if code:
        _find_code(context, "payment_condition", code, "", requested or code, requested)
    elif supplier and (country := _DEMANDING_PAYMENT_CONDITION.get(_country(context))):
        name = f"{supplier.code} {supplier.name}".strip()
        context.report("PAYMENT_CONDITION_MISSING", country=country, supplier=name)
    return code or ""


def _country(context: MappingContext) -> str:
    """Return the country of the division; if it is not set, that of its site."""
    return context.division.country or site_of(context.division.division).upper()


def vat_code(
    context: MappingContext,
    line: OrderLine,
    account: GLAccount | None,
    supplier: Supplier | None,
    where: str,
) -> str:
    """Return the line's own code, else its account's, the supplier's, the division's, or none.

    What is wrong with a code that no line names is a problem of the order, once.
    """
    where = where if line.vat_code else ""
    mapped = context.mapped("vat_codes", line.vat_code)
    code = (
        (line.vat_code if mapped is None else mapped)
        or (account.vat_code if account else "")
        or (supplier.vat_code if supplier else "")
        or context.division.default_vat_code
    )
    if not code:
        return ""
    vat = _find_code(context, "vat_code", code, where, line.vat_code or code, line.vat_code)
    if vat and vat.percentage_is_included != context.connection.amounts_include_vat:
        context.report("VAT_CODE_BASIS", where=where, code=code)
    if vat and not vat.is_for_purchase:
        context.report("VAT_CODE_NOT_FOR_PURCHASE", where=where, code=code)
    return code


def dimensions(
    context: MappingContext, line: OrderLine, account: GLAccount | None, where: str
) -> dict[str, str | None]:
    """Return Exact's fields for the line's tags; the order's tags apply where the line has none."""
    found = _codes_of_tags(context, line.tags, where)
    for kind, code in _codes_of_tags(context, context.order.tags, "").items():
        found.setdefault(kind, code)
    if account:
        _apply_account_rules(context, account, found, where)
    cost_centre, cost_unit = found.get("cost_centre"), found.get("cost_unit")
    project = found.get("project")
    return {
        "CostCenter": cost_centre.code if cost_centre else None,
        "CostUnit": cost_unit.code if cost_unit else None,
        "Project": project.id if project else None,
    }


def _apply_account_rules(
    context: MappingContext, account: GLAccount, found: dict[CodeKind, Code | None], where: str
) -> None:
    """Report a missing code that the account demands; drop a code that it does not accept.

    One that was given and cannot be used is reported already, and is not missing.
    """
    uses: tuple[tuple[CodeKind, int, str], ...] = (
        ("cost_centre", account.use_cost_centre, "COST_CENTRE_MISSING"),
        ("cost_unit", account.use_cost_unit, "COST_UNIT_MISSING"),
    )
    for kind, use, missing in uses:
        if use == _MANDATORY and kind not in found:
            asked = demanded_by(account.code)
            if said := context.mapped(f"{kind}s", asked):
                found[kind] = _find_code(context, kind, said, where, said, asked)
            else:
                context.report(missing, where=where, account=account.code, airbase=asked)
        if use == _NOT_USED:
            found.pop(kind, None)


def _codes_of_tags(
    context: MappingContext, tags: tuple[Tag, ...], where: str
) -> dict[CodeKind, Code | None]:
    """Return the code of each dimension that the tags name, None if it cannot be used."""
    named: dict[CodeKind, dict[str, Tag]] = {}
    for tag in tags:
        kind = context.connection.tag_dimensions.get(tag.dimension)
        if kind is not None:
            mapped = context.mapped(f"{kind}s", *tag.value.keys)
            text = mapped or tag.value.code or tag.value.name
            named.setdefault(kind, {}).setdefault(text, tag)
        elif tag.dimension not in context.connection.ignored_tags:
            context.report("UNKNOWN_TAG", where=where, tag=tag.dimension)
    return {kind: _one_code(context, kind, values, where) for kind, values in named.items()}


def _one_code(
    context: MappingContext, kind: CodeKind, values: Mapping[str, Tag], where: str
) -> Code | None:
    """Return the code that the tags of one dimension agree on; tags by the code they mean.

    Which of two is meant only a person knows: the costs would go to the wrong place.
    """
    if len({_meant(context, kind, text) for text in values}) > 1:
        tags = [f"{tag.dimension} {tag.value}" for tag in values.values()]
        context.report("SEVERAL_VALUES", where=where, what=_IN_WORDS[kind], values=", ".join(tags))
        return None
    text, tag = next(iter(values.items()))
    return _find_code(context, kind, text, where, str(tag.value), next(iter(tag.value.keys), ""))


def _meant(context: MappingContext, kind: CodeKind, text: str) -> str:
    """Return the code that a text means: two texts may mean the same."""
    found = context.division_data.code(kind, text) if text else None
    return found.code if found else text


def _find_code(
    context: MappingContext, kind: CodeKind, code: str, where: str, name: str, airbase: str
) -> Code | None:
    """Return the code in the division; one that is unknown or cannot be used is reported."""
    found = context.division_data.code(kind, code) if code else None
    if found is None:
        context.report(_UNKNOWN[kind], where=where, name=name, code=code, airbase=airbase)
    elif found.unreadable:
        what = f"{kind.replace('_', ' ').capitalize()} {found.code}"
        context.report("EXACT_RECORD_UNREADABLE", where=where, what=what, wrong=found.unreadable)
    elif found.is_blocked or not is_active(None, found.end, context.order.order_date):
        context.report(_BLOCKED[kind], where=where, code=found.code, airbase=airbase)
    return found
