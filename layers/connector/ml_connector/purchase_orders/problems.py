"""Collects everything that keeps one order from being posted, in words for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_connector.faults import Problem, Review

_MAP_FILE = "Map it in the connection file, or correct the order in Airbase."
_REFRESHED = "The order is tried again when Exact's data change."


def _spoken(kind: str) -> str:
    return kind.replace("_", " ").replace("vat", "VAT")


# code: (cause, remedy); braces are filled from the evidence.
PLANNING_TEXTS: Mapping[str, tuple[str, str]] = (
    {
        "UNKNOWN_SUBSIDIARY": (
            "no division of this connection serves the subsidiary {subsidiary}.",
            "Add the subsidiary to a division of the connection.",
        ),
        "TOTAL_MISMATCH": (
            "the lines add up to {lines}, the order says {total}.",
            "Correct the amounts in Airbase so that they add up to the cent.",
        ),
        "NOT_POSITIVE": (
            "the amount {total} is not above zero.",
            "Exact orders need positive amounts: correct the order in Airbase or enter it by hand.",
        ),
        "CURRENCY_NOT_ACTIVE": (
            "division {division} does not work in {currency}.",
            "Activate the currency in Exact and add it to other_currencies of the division.",
        ),
        "UNKNOWN_VENDOR": (
            "the vendor {vendor} is not linked to a supplier in division {division}.",
            "Link the vendor to a supplier, or create the supplier in Exact first.",
        ),
        "VENDOR_LINK_IN_DOUBT": (
            "the link of vendor {vendor} in division {division} is in doubt ({doubt}).",
            "Settle the vendor's exception: accept its link or link it to another supplier. "
            "The order then goes on by itself.",
        ),
        "SUPPLIER_GONE": (
            "the supplier that vendor {vendor} is linked to is not in division {division}.",
            "Link the vendor to a supplier of this division.",
        ),
        "NOT_A_SUPPLIER": (
            "{supplier} is no supplier in division {division}.",
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
            "the VAT code {code} of division {division} does not count VAT as the amounts do.",
            "Use a code of the other type, or set amounts_include_vat on the connection.",
        ),
        "VAT_CODE_NOT_FOR_PURCHASE": (
            "the VAT code {code} of division {division} is for sales only.",
            _MAP_FILE,
        ),
        "COST_CENTRE_MISSING": (
            "GL account {account} demands a cost centre in division {division}, and there is none.",
            "Add the cost centre tag to the line in Airbase.",
        ),
        "COST_UNIT_MISSING": (
            "GL account {account} demands a cost unit in division {division}, and there is none.",
            "Add the cost unit tag to the line in Airbase.",
        ),
        "UNKNOWN_TAG": (
            "the tag {tag} has no meaning here.",
            "Name it in tag_dimensions or ignored_tags of the connection.",
        ),
    }
    | {
        f"UNKNOWN_{kind.upper()}": (
            f"the {_spoken(kind)} {{name}} ({{code}}) is not in division {{division}}.",
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
            f"the {_spoken(kind)} {{code}} is blocked or ended in division {{division}}.",
            "Choose another one in Airbase, or open it in Exact. " + _REFRESHED,
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

PLANNING_CODES = frozenset(PLANNING_TEXTS)
"""Every code that planning can raise; docs/exceptions.md explains each."""


class Problems:
    """The problems of one order, gathered while it is planned; each is listed once."""

    def __init__(self, record: str) -> None:
        """Gather for the order that people call `record`."""
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
        cause, remedy = (text.format(**evidence) for text in PLANNING_TEXTS[code])
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
