"""From an approved order to what Exact shall be sent, or to everything that is wrong with it.

Exact's purchase orders have no GL account: each line needs an item, and the GL account is the
item's `GLCosts`. A line on an account therefore goes through a *carrier item* of that account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ml_connector.connection import Connection, ExactDivision
from ml_connector.ids import Guid
from ml_connector.money import to_wire
from ml_connector.purchase_orders.books import (
    Books,
    Code,
    CodeKind,
    GLAccount,
    Item,
    Supplier,
    is_active,
)
from ml_connector.purchase_orders.marker import marker, your_ref
from ml_connector.purchase_orders.model import Order, OrderLine, Reference, Tag
from ml_connector.purchase_orders.problems import Problems

_DESCRIPTION_LENGTH = 60


@dataclass(frozen=True)
class CarrierNeeded:
    """A GL account that no item carries, in a division that lets us make one."""

    gl_account: GLAccount

    @property
    def name(self) -> str:
        """Return what is needed, for leases and messages."""
        return f"item for GL account {self.gl_account.code}"


@dataclass(frozen=True)
class LinkNeeded:
    """An item that the division must know the supplier to deliver."""

    item: Item
    supplier: Supplier
    price: float | int

    @property
    def name(self) -> str:
        """Return what is needed, for leases and messages."""
        return f"link of item {self.item.code} to supplier {self.supplier.code}"


@dataclass(frozen=True)
class Plan:
    """What shall happen in Exact: first the needs, then one POST of `body`."""

    body: Mapping[str, Any]
    needs: tuple[CarrierNeeded | LinkNeeded, ...]


def pick_division(order: Order, connection: Connection) -> ExactDivision:
    """Return the division that serves the order's subsidiary.

    Raises `Review` when none does: never Exact's own "current division".
    """
    for key in order.subsidiary.keys:
        for division in connection.divisions:
            if key in division.subsidiaries:
                return division
    problems = Problems(order.title)
    problems.add("UNKNOWN_SUBSIDIARY", subsidiary=str(order.subsidiary))
    raise problems.as_review()


def plan(order: Order, connection: Connection, division: ExactDivision, books: Books) -> Plan:
    """Return what to send for the order.

    Raises `Review` with all problems of header and lines together.
    """
    return _Planner(order, connection, division, books).plan()


class _Planner:
    def __init__(
        self,
        order: Order,
        connection: Connection,
        division: ExactDivision,
        books: Books,
    ) -> None:
        self.order = order
        self.connection = connection
        self.division = division
        self.mappings = division.mappings
        self.books = books
        self.problems = Problems(order.title)
        self.carriers_needed: dict[Guid, CarrierNeeded] = {}
        self.links_needed: dict[Guid, LinkNeeded] = {}

    def plan(self) -> Plan:
        self._check_total()
        self._check_currency()
        supplier = self._supplier()
        payment_condition = self._payment_condition(supplier)
        lines = [self._line(line, supplier) for line in self.order.lines]
        self.problems.raise_if_any()
        body = self._header(supplier, payment_condition) | {"PurchaseOrderLines": lines}
        return Plan(body, (*self.carriers_needed.values(), *self.links_needed.values()))

    def _header(self, supplier: Supplier | None, payment_condition: str) -> dict[str, Any]:
        order = self.order
        mark = marker(self.connection.id, order.id, order.revision)
        title = order.title.replace("[", "(")  # can not pose as another order's marker
        return _without_blanks(
            {
                "Supplier": supplier and supplier.id,
                "OrderDate": order.order_date.isoformat(),
                "ReceiptDate": _iso(order.receipt_date),
                "Currency": order.total.currency,
                "YourRef": your_ref(order.number, order.id),
                "Description": order.description[:_DESCRIPTION_LENGTH],
                "Remarks": f"Airbase {title} {mark}",
                "PaymentCondition": payment_condition,
                "Warehouse": self.division.warehouse,
            }
        )

    def _check_total(self) -> None:
        total = sum(line.amount for line in self.order.lines)
        if total != self.order.total.amount:
            self.problems.add("TOTAL_MISMATCH", total=str(self.order.total), lines=str(total))
        if self.order.total.amount <= 0:
            self.problems.add("NOT_POSITIVE", total=str(self.order.total))

    def _check_currency(self) -> None:
        currency = self.order.total.currency
        if currency not in {self.division.currency, *self.division.other_currencies}:
            self.problems.add("CURRENCY_NOT_ACTIVE", currency=currency, division=self._division)

    @property
    def _division(self) -> str:
        return f"{self.division.division} {self.division.name}".strip()

    def _supplier(self) -> Supplier | None:
        vendor = self.order.vendor
        named = _mapped(self.mappings.suppliers, vendor) or self.books.linked_supplier(vendor)
        supplier = self.books.supplier(named) if named else None
        if supplier is None:
            code = "SUPPLIER_GONE" if named else "UNKNOWN_VENDOR"
            self.problems.add(
                code,
                self._supplier_candidates(),
                vendor=str(vendor),
                division=self._division,
            )
            return None
        if problem := self._unusable(supplier):
            self.problems.add(
                problem,
                vendor=str(vendor),
                supplier=f"{supplier.code} {supplier.name}",
                division=self._division,
            )
        return supplier

    def _supplier_candidates(self) -> list[dict[str, str]]:
        found = self.books.suppliers_like(self.order.vendor.name) if self.order.vendor.name else ()
        return [{"id": s.id, "code": s.code, "name": s.name} for s in found[:3]]

    def _unusable(self, supplier: Supplier) -> str | None:
        if not supplier.is_supplier:
            return "NOT_A_SUPPLIER"
        if supplier.is_blocked:
            return "SUPPLIER_BLOCKED"
        if not is_active(supplier.start, supplier.end, self.order.order_date):
            return "SUPPLIER_ENDED"
        return None

    def _payment_condition(self, supplier: Supplier | None) -> str:
        wanted = self.order.payment_condition
        code = (
            self.mappings.payment_conditions.get(wanted, wanted)
            or (supplier.payment_condition if supplier else "")
            or self.division.default_payment_condition
        )
        if not code:
            return ""
        self._known_code("payment_condition", code, "", wanted or code)
        return code

    def _line(self, line: OrderLine, supplier: Supplier | None) -> dict[str, Any]:
        where = f"line {line.number}"
        if line.amount <= 0:
            self.problems.add("NOT_POSITIVE", where=where, total=str(line.amount))
        gl_account = self._gl_account(line, where)
        item = self._item(gl_account, where) if gl_account else None
        if item and supplier and self.division.link_supplier_items:
            self._need_link(item, supplier, line)
        dimensions = self._dimensions(line, gl_account, where)
        return _without_blanks(
            {
                "Item": item and item.id,
                "QuantityInPurchaseUnits": to_wire(line.quantity),
                "UnitPrice": to_wire(line.unit_price),
                "Description": line.description[:_DESCRIPTION_LENGTH],
                "Notes": _notes(line, gl_account),
                "ReceiptDate": _iso(line.receipt_date or self.order.receipt_date),
                "VATCode": self._vat_code(line, gl_account, supplier, where),
                **dimensions,
            }
        )

    def _gl_account(self, line: OrderLine, where: str) -> GLAccount | None:
        named = _mapped(self.mappings.gl_accounts, line.gl_account) or (
            line.gl_account.code or line.gl_account.name
        )
        account = self.books.gl_account(named) if named else None
        if account is None:
            self.problems.add(
                "UNKNOWN_GL_ACCOUNT",
                where=where,
                account=str(line.gl_account),
                code=named,
                division=self._division,
            )
        elif account.is_blocked:
            self.problems.add(
                "GL_ACCOUNT_BLOCKED",
                where=where,
                division=self._division,
                account=f"{account.code} {account.description}",
            )
        return account

    def _item(self, account: GLAccount, where: str) -> Item | None:
        if mapped := self.mappings.items.get(account.code):
            return self._mapped_item(mapped, account, where)
        day = self.order.order_date
        found = [item for item in self.books.carriers(account.id) if item.is_carrier_on(day)]
        if len(found) == 1:
            return found[0]
        if found:
            candidates = [{"id": i.id, "code": i.code, "name": i.description} for i in found]
            self.problems.add(
                "SEVERAL_CARRIER_ITEMS",
                candidates,
                where=where,
                account=account.code,
                division=self._division,
            )
        elif self.division.create_items:
            self.carriers_needed[account.id] = CarrierNeeded(account)
        else:
            self.problems.add(
                "NO_CARRIER_ITEM",
                where=where,
                division=self._division,
                account=f"{account.code} {account.description}",
            )
        return None

    def _mapped_item(self, id: Guid, account: GLAccount, where: str) -> Item | None:
        item = self.books.item(id)
        usable = item is not None and item.is_carrier_on(self.order.order_date)
        if item is None or not usable or item.gl_costs != account.id:
            self.problems.add(
                "MAPPED_ITEM_UNUSABLE",
                where=where,
                account=account.code,
                item=item.code if item else id,
                division=self._division,
            )
            return None
        return item

    def _need_link(self, item: Item, supplier: Supplier, line: OrderLine) -> None:
        if not self.books.is_linked(item.id, supplier.id):
            self.links_needed[item.id] = LinkNeeded(item, supplier, to_wire(line.unit_price))

    def _vat_code(
        self,
        line: OrderLine,
        account: GLAccount | None,
        supplier: Supplier | None,
        where: str,
    ) -> str:
        code = (
            self.mappings.vat_codes.get(line.vat_code, line.vat_code)
            or (account.vat_code if account else "")
            or (supplier.vat_code if supplier else "")
            or self.division.default_vat_code
        )
        if not code:
            return ""
        vat = self._known_code("vat_code", code, where, line.vat_code or code)
        if vat and vat.percentage_is_included != self.connection.amounts_include_vat:
            self.problems.add("VAT_CODE_BASIS", where=where, code=code, division=self._division)
        if vat and not vat.is_for_purchase:
            self.problems.add(
                "VAT_CODE_NOT_FOR_PURCHASE",
                where=where,
                code=code,
                division=self._division,
            )
        return code

    def _dimensions(
        self, line: OrderLine, account: GLAccount | None, where: str
    ) -> dict[str, str | None]:
        found = self._tagged(line.tags, where) if line.tags else {}
        for kind, code in self._tagged(self.order.tags, "").items():
            found.setdefault(kind, code)
        if account:
            self._check_use(account, found, where)
        cost_centre, cost_unit = found.get("cost_centre"), found.get("cost_unit")
        project = found.get("project")
        return {
            "CostCenter": cost_centre.code if cost_centre else None,
            "CostUnit": cost_unit.code if cost_unit else None,
            "Project": project.id if project else None,
        }

    def _check_use(self, account: GLAccount, found: dict[CodeKind, Code], where: str) -> None:
        uses: tuple[tuple[CodeKind, int], ...] = (
            ("cost_centre", account.use_cost_centre),
            ("cost_unit", account.use_cost_unit),
        )
        for kind, use in uses:
            if use == 1 and kind not in found:
                self.problems.add(
                    f"{kind.upper()}_MISSING",
                    where=where,
                    account=account.code,
                    division=self._division,
                )
            if use == 2:
                found.pop(kind, None)

    def _tagged(self, tags: tuple[Tag, ...], where: str) -> dict[CodeKind, Code]:
        found: dict[CodeKind, Code] = {}
        for tag in tags:
            kind = self.connection.tag_dimensions.get(tag.dimension)
            if kind is None:
                if tag.dimension not in self.connection.ignored_tags:
                    self.problems.add("UNKNOWN_TAG", where=where, tag=tag.dimension)
                continue
            table = getattr(self.mappings, f"{kind}s")
            named = _mapped(table, tag.value) or tag.value.code or tag.value.name
            if code := self._known_code(kind, named, where, str(tag.value)):
                found[kind] = code
        return found

    def _known_code(self, kind: CodeKind, code: str, where: str, named: str) -> Code | None:
        found = self.books.code(kind, code) if code else None
        if found is None:
            self.problems.add(
                f"UNKNOWN_{kind.upper()}",
                where=where,
                name=named,
                code=code,
                division=self._division,
            )
            return None
        if found.is_blocked or not is_active(None, found.end, self.order.order_date):
            self.problems.add(
                f"{kind.upper()}_BLOCKED",
                where=where,
                code=found.code,
                division=self._division,
            )
        return found


def _mapped(table: Mapping[str, str], reference: Reference) -> str | None:
    return next((table[key] for key in reference.keys if key in table), None)


def _notes(line: OrderLine, account: GLAccount | None) -> str:
    """Return the requested GL account in words: the line itself can not hold it."""
    text = line.description if len(line.description) > _DESCRIPTION_LENGTH else ""
    return f"GL account {account.code}. {text}".strip() if account else text


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}
