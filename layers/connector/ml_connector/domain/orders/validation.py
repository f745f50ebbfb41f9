"""Collect everything that prevents an order from being posted, in words for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.orders.order import Order, Reference
from ml_connector.domain.orders.reference_data import DivisionData
from ml_connector.settings.connection import Connection, ExactDivision

_MAP_FILE = "Map it in the connection file, or correct the order in Airbase."
_REFRESHED = "The order is tried again when Exact's data change."


def _in_words(kind: str) -> str:
    return kind.replace("_", " ").replace("vat", "VAT")


# code: (cause, remedy); braces are filled from the evidence.
VALIDATION_TEXTS: Mapping[str, tuple[str, str]] = (
    {
        "UNKNOWN_SUBSIDIARY": (
            "no division of this connection serves the subsidiary {subsidiary}.",
            "Add the subsidiary to a division of the connection.",
        ),
        "TOTAL_MISMATCH": (
            "the lines add up to {lines}, but the order total is {total}.",
            "Correct the amounts in Airbase so that they add up to the cent.",
        ),
        "NOT_POSITIVE": (
            "the amount {total} is not positive.",
            "Exact orders need positive amounts: correct the order in Airbase or enter it by hand.",
        ),
        "CURRENCY_NOT_ACTIVE": (
            "the currency {currency} is not active in division {division}.",
            "Activate the currency in Exact and add it to other_currencies of the division.",
        ),
        "UNKNOWN_VENDOR": (
            "the vendor {vendor} is not linked to a supplier in division {division}.",
            "Link the vendor to a supplier, or create the supplier in Exact first.",
        ),
        "VENDOR_LINK_IN_DOUBT": (
            "the link of vendor {vendor} in division {division} is in doubt ({doubt}).",
            "Settle the vendor's exception: accept its link or link it to another supplier. "
            "The order then continues by itself.",
        ),
        "SUPPLIER_GONE": (
            "the supplier that vendor {vendor} is linked to is not in division {division}.",
            "Link the vendor to a supplier of this division.",
        ),
        "NOT_A_SUPPLIER": (
            "{supplier} is not a supplier in division {division}.",
            "Tick 'supplier' on the account in Exact. " + _REFRESHED,
        ),
        "SUPPLIER_BLOCKED": (
            "the supplier {supplier} is blocked in division {division}.",
            "Unblock the supplier in Exact, or link the vendor to another one. " + _REFRESHED,
        ),
        "SUPPLIER_ENDED": (
            "the supplier {supplier} is not active on the order date in division {division}.",
            "Correct the supplier's dates in Exact, or link the vendor to another one. "
            + _REFRESHED,
        ),
        "UNKNOWN_GL_ACCOUNT": (
            "the GL account {account} ({code}) is not in division {division}.",
            _MAP_FILE,
        ),
        "GL_ACCOUNT_BLOCKED": (
            "the GL account {account} is blocked in division {division}.",
            "Unblock it in Exact, or choose another account in Airbase. " + _REFRESHED,
        ),
        "NO_CARRIER_ITEM": (
            "no item in division {division} books to GL account {account}.",
            "Create a non-stock purchase item with this cost account in Exact, "
            "or set create_items.",
        ),
        "SEVERAL_CARRIER_ITEMS": (
            "several items in division {division} book to GL account {account}.",
            "Choose one under mappings.items of the division.",
        ),
        "MAPPED_ITEM_UNUSABLE": (
            "the mapped item {item} is not an active non-stock purchase item on GL account "
            "{account}.",
            "Correct mappings.items of division {division}, or the item in Exact.",
        ),
        "VAT_CODE_BASIS": (
            "the VAT code {code} of division {division} includes VAT and the amounts do not, "
            "or vice versa.",
            "Use a code of the other type, or set amounts_include_vat on the connection.",
        ),
        "VAT_CODE_NOT_FOR_PURCHASE": (
            "the VAT code {code} of division {division} is for sales only.",
            _MAP_FILE,
        ),
        "COST_CENTRE_MISSING": (
            "GL account {account} requires a cost centre in division {division}.",
            "Add the cost centre tag to the line in Airbase.",
        ),
        "COST_UNIT_MISSING": (
            "GL account {account} requires a cost unit in division {division}.",
            "Add the cost unit tag to the line in Airbase.",
        ),
        "UNKNOWN_TAG": (
            "the tag {tag} is not mapped to a dimension.",
            "Name it in tag_dimensions or ignored_tags of the connection.",
        ),
    }
    | {
        f"UNKNOWN_{kind.upper()}": (
            f"the {_in_words(kind)} {{name}} ({{code}}) is not in division {{division}}.",
            _MAP_FILE,
        )
        for kind in (
            "cost_centre",
            "cost_unit",
            "project",
            "vat_code",
            "payment_condition",
        )
    }
    | {
        f"{kind.upper()}_BLOCKED": (
            f"the {_in_words(kind)} {{code}} is blocked or ended in division {{division}}.",
            "Choose another one in Airbase, or unblock it in Exact. " + _REFRESHED,
        )
        for kind in (
            "cost_centre",
            "cost_unit",
            "project",
            "vat_code",
            "payment_condition",
        )
    }
)

VALIDATION_CODES = frozenset(VALIDATION_TEXTS)
"""Every code that mapping an order can raise; docs/exceptions.md explains each."""


class Problems:
    """The problems of one order, collected while it is mapped; each is listed once."""

    def __init__(self, record: str) -> None:
        """Collect problems of the order with the title `record`."""
        self._record = record
        self._list: list[Problem] = []

    def add(
        self,
        code: str,
        /,
        candidates: Sequence[Mapping[str, str]] = (),
        where: str = "",
        **evidence: Any,
    ) -> None:
        """Note a problem of the order, or of `where` in it ("line 2")."""
        cause, remedy = (text.format(**evidence) for text in VALIDATION_TEXTS[code])
        record = f"{self._record}, {where}" if where else self._record
        problem = Problem(code, record, cause, remedy, candidates, evidence)
        if problem not in self._list:
            self._list.append(problem)

    def raise_if_any(self) -> None:
        """Raise `Review` with all that was found."""
        if self._list:
            raise self.as_review()

    def as_review(self) -> Review:
        """Return the fault that carries all that was found."""
        return Review(self._list)


@dataclass(frozen=True)
class MappingContext:
    """What mapping one order for one division needs, and where problems are reported."""

    order: Order
    connection: Connection
    division: ExactDivision
    division_data: DivisionData
    problems: Problems

    def report(
        self,
        code: str,
        /,
        candidates: Sequence[Mapping[str, str]] = (),
        where: str = "",
        **evidence: Any,
    ) -> None:
        """Note a problem of the order, or of `where` in it, in this division."""
        name = f"{self.division.division} {self.division.name}".strip()
        self.problems.add(code, candidates, where, division=name, **evidence)


def mapped(table: Mapping[str, str], reference: Reference) -> str | None:
    """Return what the table says for the reference's id, code or name, in that order."""
    return next((table[key] for key in reference.keys if key in table), None)
