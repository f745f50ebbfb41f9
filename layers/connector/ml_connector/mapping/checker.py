"""Check a single mapping with the code that maps orders."""

from dataclasses import dataclass, replace
from decimal import Decimal

from ml_connector import clock
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import OrderId
from ml_connector.domain.money import Money
from ml_connector.domain.orders.carrier_items import find_carrier, find_gl_account
from ml_connector.domain.orders.dimensions import dimensions, payment_condition, vat_code
from ml_connector.domain.orders.order import Order, OrderLine, Reference, Tag
from ml_connector.domain.orders.reference_data import Item
from ml_connector.domain.orders.supplier import choose_supplier
from ml_connector.domain.orders.validation import MappingContext, Problems
from ml_connector.domain.states import ApprovalState, RequestOutcome
from ml_connector.mapping.kinds import (
    CODE_KINDS,
    DIMENSIONS,
    GL_ACCOUNTS,
    ITEMS,
    PAYMENT_CONDITIONS,
    SUPPLIERS,
    VAT_CODES,
)
from ml_connector.mapping.loaded_data import LoadedDivisionData
from ml_connector.settings.connection import Connection, Dimension, ExactDivision

_ONE = Decimal(1)


@dataclass(frozen=True)
class MappingResult:
    """The Exact code and name that a value maps to (empty if none), and the problems."""

    exact: str = ""
    name: str = ""
    problems: tuple[Problem, ...] = ()


class MappingChecker:
    """Maps single values of one division as on an order of today."""

    def __init__(
        self, connection: Connection, division: ExactDivision, division_data: LoadedDivisionData
    ) -> None:
        """Check with the mappings of `division`."""
        labels: dict[str, Dimension] = {kind: kind for kind in DIMENSIONS.values()}
        self._connection = connection.model_copy(update={"tag_dimensions": labels})
        self._division = division
        self.division_data = division_data

    def check(self, kind: str, wanted: Reference) -> MappingResult:
        """Return what a value of this kind maps to."""
        problems = Problems(str(wanted))
        exact, name = self._map(kind, wanted, problems)
        try:
            problems.raise_if_any()
        except Review as review:
            return MappingResult(exact, name, review.problems)
        return MappingResult(exact, name)

    def _map(self, kind: str, wanted: Reference, problems: Problems) -> tuple[str, str]:
        if kind == GL_ACCOUNTS:
            account = find_gl_account(self._context(problems), _line(gl_account=wanted), "")
            return (account.code, account.description) if account else ("", "")
        if kind == ITEMS:
            return self._map_item(wanted, problems)
        if kind == SUPPLIERS:
            supplier = choose_supplier(self._context(problems, vendor=wanted))
            return (supplier.code, supplier.name) if supplier else ("", "")
        return self._map_code(kind, wanted, problems)

    def _map_item(self, wanted: Reference, problems: Problems) -> tuple[str, str]:
        account = self.division_data.gl_account(wanted.keys[0])
        if account is None or account.code != wanted.keys[0]:
            context, name = self._context(problems), wanted.keys[0]
            context.report("UNKNOWN_GL_ACCOUNT", account=str(wanted), code=name)
            return "", ""
        found = find_carrier(self._context(problems), account, "")
        if isinstance(found, Item):
            return found.id, f"{found.code} {found.description}"
        return "", "created when needed" if found else ""

    def _map_code(self, kind: str, wanted: Reference, problems: Problems) -> tuple[str, str]:
        text = wanted.keys[0]
        if kind == VAT_CODES:
            code = vat_code(self._context(problems), _line(vat_code=text), None, None, "")
        elif kind == PAYMENT_CONDITIONS:
            code = payment_condition(self._context(problems, payment_condition=text), None)
        else:
            tags = (Tag(DIMENSIONS[kind], wanted),)
            dimensions(self._context(problems), _line(tags=tags), None, "")
            mapped = self._context(problems).mapped(kind, *wanted.keys)
            code = mapped or wanted.code or wanted.name
        found = self.division_data.code(CODE_KINDS[kind], code) if code else None
        return (found.code, found.description) if found else ("", "")

    def _context(
        self, problems: Problems, vendor: Reference | None = None, payment_condition: str = ""
    ) -> MappingContext:
        order = replace(
            _order(),
            vendor=vendor or Reference(),
            payment_condition=payment_condition,
        )
        return MappingContext(order, self._connection, self._division, self.division_data, problems)


def _order() -> Order:
    return Order(
        id=OrderId(""),
        number="",
        state=ApprovalState.APPROVED,
        outcome=RequestOutcome.PURCHASE_ORDER,
        revision="",
        subsidiary=Reference(),
        vendor=Reference(),
        total=Money(_ONE, "EUR"),
        description="",
        order_date=clock.now().date(),
        receipt_date=None,
        payment_condition="",
        tags=(),
        lines=(),
    )


def _line(
    gl_account: Reference | None = None, vat_code: str = "", tags: tuple[Tag, ...] = ()
) -> OrderLine:
    return OrderLine(1, "", gl_account or Reference(), _ONE, _ONE, _ONE, vat_code, None, tags)
