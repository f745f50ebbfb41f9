"""Valid orders, connections and division data, for tests to break one thing at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.domain.ids import Guid, OrderId, SiteId, division_at
from ml_connector.domain.money import Money
from ml_connector.domain.orders.order import Order, OrderLine, Reference, Tag
from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Item, Supplier
from ml_connector.domain.states import ApprovalState, RequestOutcome
from ml_connector.settings.connection import Connection, ExactDivision

TODAY = date(2026, 11, 23)
YESTERDAY = date(2026, 11, 22)
TOMORROW = date(2026, 11, 24)

SUPPLIER_ID = Guid("5a000000-0000-4000-8000-000000000001")
ACCOUNT_ID = Guid("5b000000-0000-4000-8000-000000000001")
ITEM_ID = Guid("5c000000-0000-4000-8000-000000000001")
PROJECT_ID = Guid("5d000000-0000-4000-8000-000000000001")
WAREHOUSE_ID = Guid("5e000000-0000-4000-8000-000000000001")

SUPPLIER = Supplier(SUPPLIER_ID, "60001", "Papierhandel")
ACCOUNT = GLAccount(ACCOUNT_ID, "4406", "Office supplies")
ITEM = Item(ITEM_ID, "GL-4406", "Office supplies", gl_costs=ACCOUNT_ID)


def another_guid(number: int) -> Guid:
    """Return a GUID that none of the standard records has."""
    return Guid(f"6f000000-0000-4000-8000-{number:012d}")


def any_line(**changes: Any) -> OrderLine:
    """Return one box of paper of 100.00 on account 4406."""
    line = OrderLine(
        number=1,
        description="Paper",
        gl_account=Reference("acc-1", "4406", "Office supplies"),
        amount=Decimal("100.00"),
        quantity=Decimal(1),
        unit_price=Decimal("100.00"),
        vat_code="",
        receipt_date=None,
        tags=(),
    )
    return replace(line, **changes)


def any_order(**changes: Any) -> Order:
    """Return an approved order; its total is that of its lines unless it is given."""
    order = Order(
        id=OrderId("po-id-1"),
        number="PO-1",
        state=ApprovalState.APPROVED,
        outcome=RequestOutcome.PURCHASE_ORDER,
        revision="1",
        subsidiary=Reference("sub-nl", "NL01", "Firm NL"),
        vendor=Reference("ven-1", "", "Papierhandel B.V."),
        total=Money(Decimal("100.00"), "EUR"),
        description="Stationery",
        order_date=TODAY,
        receipt_date=None,
        payment_condition="",
        tags=(),
        lines=(any_line(),),
    )
    if "lines" in changes and "total" not in changes:
        total = sum((line.amount for line in changes["lines"]), Decimal(0))
        changes["total"] = Money(total, "EUR")
    return replace(order, **changes)


def any_tag(dimension: str, code: str) -> Tag:
    """Return a tag of that label whose ERP code is `code`."""
    return Tag(dimension, Reference(f"tag-{code}", code, f"The {code}"))


def any_division(**changes: Any) -> ExactDivision:
    """Return division 101 of the Dutch site, which works in euros and serves `sub-nl`."""
    division = division_at(SiteId("nl"), changes.get("division", 101))
    given = {"name": "NL", "subsidiaries": ["sub-nl"]} | changes
    return ExactDivision.model_validate(given | {"division": division})


def any_connection(*divisions: ExactDivision, **changes: Any) -> Connection:
    """Return a connection with these divisions, or with `any_division()`."""
    chosen = [d.model_dump() for d in divisions or (any_division(),)]
    return Connection.model_validate(
        {"id": "firm", "exact_site": "nl", "divisions": chosen} | changes
    )


@dataclass
class DictDivisionData:
    """`DivisionData` over plain lists; the standard vendor, account and item are valid."""

    links: dict[str, str] = field(default_factory=lambda: {"ven-1": SUPPLIER_ID})
    suppliers: Sequence[Supplier] = (SUPPLIER,)
    gl_accounts: Sequence[GLAccount] = (ACCOUNT,)
    items: Sequence[Item] = (ITEM,)
    codes: dict[CodeKind, Sequence[Code]] = field(default_factory=dict)
    supplied: set[tuple[Guid, Guid]] = field(default_factory=set)
    doubts: dict[str, str] = field(default_factory=dict)
    mappings: dict[tuple[str, str], str] = field(default_factory=dict)

    def mapped(self, kind: str, keys: Sequence[str]) -> str | None:
        return next(
            (self.mappings[kind, key] for key in keys if (kind, key) in self.mappings), None
        )

    def doubt(self, vendor: Reference, supplier: Guid) -> str:
        return self.doubts.get(supplier, "") if self.links.get(vendor.id) == supplier else ""

    def linked_supplier(self, vendor: Reference) -> str | None:
        return self.links.get(vendor.id) or vendor.code or None

    def supplier(self, id_or_code: str) -> Supplier | None:
        return next((s for s in self.suppliers if id_or_code in {s.id, s.code}), None)

    def suppliers_like(self, name: str) -> Sequence[Supplier]:
        return [s for s in self.suppliers if s.name[:4] == name[:4]]

    def gl_account(self, id_or_code: str) -> GLAccount | None:
        return next((a for a in self.gl_accounts if id_or_code in {a.id, a.code}), None)

    def item(self, id: Guid) -> Item | None:
        return next((i for i in self.items if i.id == id), None)

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        return [i for i in self.items if i.gl_costs == gl_account]

    def code(self, kind: CodeKind, code: str) -> Code | None:
        return next((c for c in self.codes.get(kind, ()) if c.code == code), None)

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        return (item, supplier) in self.supplied
