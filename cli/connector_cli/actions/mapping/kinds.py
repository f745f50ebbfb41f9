"""What can be mapped, judged by the very code that plans orders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import get_args

from connector_cli.actions.mapping.books import LoadedBooks
from ml_connector import clock
from ml_connector.connection import Connection, Dimension, ExactDivision
from ml_connector.faults import Problem, Review
from ml_connector.ids import OrderId
from ml_connector.money import Money
from ml_connector.purchase_orders.books import CodeKind, Item
from ml_connector.purchase_orders.carriers import find_carrier, find_gl_account
from ml_connector.purchase_orders.coding import dimensions, payment_condition, vat_code
from ml_connector.purchase_orders.desk import Desk, mapped
from ml_connector.purchase_orders.model import Order, OrderLine, Reference, Tag
from ml_connector.purchase_orders.plan import pick_division
from ml_connector.purchase_orders.problems import Problems
from ml_connector.purchase_orders.sourcing import choose_supplier
from ml_connector.words import Outcome, State

SUBSIDIARIES, GL_ACCOUNTS, ITEMS = "subsidiaries", "gl_accounts", "items"
VAT_CODES, PAYMENT_CONDITIONS, SUPPLIERS = "vat_codes", "payment_conditions", "suppliers"
DIMENSIONS: Mapping[str, Dimension] = {f"{kind}s": kind for kind in get_args(Dimension)}
KINDS = (SUBSIDIARIES, GL_ACCOUNTS, ITEMS, *DIMENSIONS, VAT_CODES, PAYMENT_CONDITIONS, SUPPLIERS)
"""As the tables of the connection file are called, and `subsidiaries`, which serve divisions."""

_CODES: Mapping[str, CodeKind] = {
    **DIMENSIONS, VAT_CODES: "vat_code", PAYMENT_CONDITIONS: "payment_condition",
}  # fmt: skip
_ONE = Decimal(1)


@dataclass(frozen=True)
class Verdict:
    """What planning makes of a thing: the Exact side (empty when there is none), or problems."""

    exact: str = ""
    name: str = ""
    problems: tuple[Problem, ...] = ()


def code_kind(kind: str) -> CodeKind | None:
    """Return the kind of coded thing in the books, None for the others."""
    return _CODES.get(kind)


class Judge:
    """Judges single things as they would be judged on an order of today, in one division."""

    def __init__(self, connection: Connection, division: ExactDivision, books: LoadedBooks) -> None:
        """Judge with the mappings of `division` as it is given."""
        labels: dict[str, Dimension] = {kind: kind for kind in DIMENSIONS.values()}
        self._connection = connection.model_copy(update={"tag_dimensions": labels})
        self._division = division
        self.books = books

    def judge(self, kind: str, wanted: Reference) -> Verdict:
        """Return what planning says of the thing of this kind that Airbase points at."""
        problems = Problems(str(wanted))
        exact, name = self._plan(kind, wanted, problems)
        try:
            problems.raise_if_any()
        except Review as review:
            return Verdict(exact, name, review.problems)
        return Verdict(exact, name)

    def _plan(self, kind: str, wanted: Reference, problems: Problems) -> tuple[str, str]:
        if kind == GL_ACCOUNTS:
            account = find_gl_account(self._desk(problems), _line(gl_account=wanted), "")
            return (account.code, account.description) if account else ("", "")
        if kind == ITEMS:
            return self._plan_item(wanted, problems)
        if kind == SUPPLIERS:
            supplier = choose_supplier(self._desk(problems, vendor=wanted))
            return (supplier.code, supplier.name) if supplier else ("", "")
        return self._plan_code(kind, wanted, problems)

    def _plan_item(self, wanted: Reference, problems: Problems) -> tuple[str, str]:
        account = self.books.gl_account(wanted.keys[0])
        if account is None or account.code != wanted.keys[0]:
            desk, name = self._desk(problems), wanted.keys[0]
            desk.report("UNKNOWN_GL_ACCOUNT", account=str(wanted), code=name)
            return "", ""
        found = find_carrier(self._desk(problems), account, "")
        if isinstance(found, Item):
            return found.id, f"{found.code} {found.description}"
        return "", "is made when it is needed" if found else ""

    def _plan_code(self, kind: str, wanted: Reference, problems: Problems) -> tuple[str, str]:
        text = wanted.keys[0]
        if kind == VAT_CODES:
            code = vat_code(self._desk(problems), _line(vat_code=text), None, None, "")
        elif kind == PAYMENT_CONDITIONS:
            code = payment_condition(self._desk(problems, payment_condition=text), None)
        else:
            tags = (Tag(DIMENSIONS[kind], wanted),)
            dimensions(self._desk(problems), _line(tags=tags), None, "")
            table = getattr(self._division.mappings, kind)
            code = mapped(table, wanted) or wanted.code or wanted.name
        found = self.books.code(_CODES[kind], code) if code else None
        return (found.code, found.description) if found else ("", "")

    def _desk(
        self, problems: Problems, vendor: Reference | None = None, payment_condition: str = ""
    ) -> Desk:
        order = replace(
            _order(Reference()),
            vendor=vendor or Reference(),
            payment_condition=payment_condition,
        )
        return Desk(order, self._connection, self._division, self.books, problems)


def serving(connection: Connection, subsidiary: Reference) -> ExactDivision | None:
    """Return the division that planning picks for an Airbase subsidiary."""
    try:
        return pick_division(_order(subsidiary), connection)
    except Review:
        return None


def _order(subsidiary: Reference) -> Order:
    return Order(
        id=OrderId(""),
        number="",
        state=State.APPROVED,
        outcome=Outcome.PURCHASE_ORDER,
        revision="",
        subsidiary=subsidiary,
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
