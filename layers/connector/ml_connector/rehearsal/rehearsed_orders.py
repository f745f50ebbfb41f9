"""What a rehearsal found of each order: the decision, what it needs, and its twin in Exact."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args

from msgspec import Struct

from ml_connector.domain.ids import Division, Guid, OrderId
from ml_connector.domain.money import Money
from ml_connector.domain.records import Body

Verdict = Literal[
    "posts", "needs_mapping", "needs_vendor", "exception", "typed_by_hand", "linked",
    "nothing_to_do", "undecided",
]  # fmt: skip
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
VERDICT_TITLES: Mapping[Verdict, str] = {
    "posts": "Posts as it is",
    "needs_mapping": "Needs a mapping",
    "needs_vendor": "Needs a vendor",
    "exception": "Another exception",
    "typed_by_hand": "In Exact already, typed in by hand",
    "linked": "Linked to its order in Exact",
    "nothing_to_do": "Nothing to do",
    "undecided": "Not decided",
}

NeedKind = Literal["mapping", "vendor", "exception"]

POSSIBLE_DUPLICATE = "POSSIBLE_DUPLICATE"
_MAPPING = frozenset({
    "UNKNOWN_SUBSIDIARY", "UNKNOWN_GL_ACCOUNT", "UNKNOWN_TAG", "UNKNOWN_COST_CENTRE",
    "UNKNOWN_COST_UNIT", "UNKNOWN_PROJECT", "UNKNOWN_VAT_CODE", "UNKNOWN_PAYMENT_CONDITION",
    "PAYMENT_CONDITION_MISSING", "NO_CARRIER_ITEM", "SEVERAL_CARRIER_ITEMS",
    "MAPPED_ITEM_UNUSABLE", "VAT_CODE_BASIS", "VAT_CODE_NOT_FOR_PURCHASE", "CURRENCY_NOT_ACTIVE",
})  # fmt: skip
"""What the settings of the connection can repair."""
_VENDOR = frozenset({
    "UNKNOWN_VENDOR", "VENDOR_LINK_IN_DOUBT", "SUPPLIER_GONE", "NOT_A_SUPPLIER",
    "SUPPLIER_BLOCKED", "SUPPLIER_ENDED",
})  # fmt: skip
"""What a supplier in Exact, or a link to one, can repair."""


class Need(Struct, frozen=True):
    """What keeps an order from being posted: an exception that it would raise.

    `record` names the order, and the line; one decision ends all needs of the same code and cause.
    """

    code: str
    record: str
    cause: str
    remedy: str

    @property
    def kind(self) -> NeedKind:
        """Return who can end it: a mapping, a vendor's link, or something else."""
        if self.code in _MAPPING:
            return "mapping"
        return "vendor" if self.code in _VENDOR else "exception"


class Twin(Struct, frozen=True):
    """An order that was typed in Exact by hand, and why it is taken for the one in Airbase.

    `matched_by`: of number, supplier, amount and date, what is the same. `is_sure`: no other one
    fits as well. `differences` are as in `Difference.as_dict`.
    """

    id: Guid
    number: str
    division: Division
    day: date | None
    matched_by: tuple[str, ...]
    is_sure: bool
    differences: tuple[dict[str, str], ...] = ()


class RehearsedOrder(Struct, frozen=True):
    """One approved order, as the posting's own decision sees it.

    `action` and `becomes` are those of a preview. `body` is what would be posted; of an order that
    cannot be mapped, as much as is known. `listed` is a digest of its row in Airbase's listing.
    """

    id: OrderId
    title: str
    number: str
    action: str
    becomes: str
    listed: str
    decided_at: datetime
    day: date | None = None
    vendor: str = ""
    division: Division | None = None
    currency: str = ""
    amount: Decimal | None = None
    needs: tuple[Need, ...] = ()
    creates: tuple[str, ...] = ()
    """What is created in Exact first: items, and their suppliers."""
    delays: tuple[str, ...] = ()
    """What would delay it now: codes."""
    waits_for: str = ""
    """Why it could not be decided."""
    is_linked: bool = False
    exact_number: str = ""
    supplier: Guid | None = None
    """The supplier that its vendor is linked to."""
    body: Body | None = None
    not_twins: tuple[Guid, ...] = ()
    """Orders in Exact that a person has said to be other purchases."""
    twin: Twin | None = None

    @property
    def total(self) -> Money | None:
        """Return what was approved; None if it cannot be read."""
        return None if self.amount is None else Money(self.amount, self.currency)

    @property
    def goes_through(self) -> bool:
        """Return whether nobody has to do anything: not counting that it was typed in by hand."""
        return self.action == "post" or {each.code for each in self.needs} == {POSSIBLE_DUPLICATE}

    @property
    def counts(self) -> bool:
        """Return whether it is one of the orders of which a share goes through untouched."""
        return self.verdict not in {"linked", "nothing_to_do", "undecided"}

    @property
    def verdict(self) -> Verdict:
        """Return what becomes of it, in one word."""
        if self.is_linked:
            return "linked"
        if self.twin:
            return "typed_by_hand"
        match self.action:
            case "post":
                return "posts"
            case "adopt" | "amend" | "remove" | "keep" | "end":
                return "linked"
            case "review":
                return _needing(each.kind for each in self.needs)
            case "wait" | "halt":
                return "undecided"
            case _:
                return "nothing_to_do"

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "order": self.id,
            "title": self.title,
            "division": self.division,
            "day": self.day.isoformat() if self.day else None,
            "vendor": self.vendor or None,
            "total": str(self.total) if self.total else None,
            "verdict": self.verdict,
            "goes_through": self.goes_through,
            "act": self.action,
            "becomes": self.becomes,
            "needs": [
                {"kind": n.kind, "code": n.code, "record": n.record, "cause": n.cause,
                 "remedy": n.remedy}
                for n in self.needs
            ],
            "creates": list(self.creates),
            "delays": list(self.delays),
            "waits_for": self.waits_for or None,
            "exact_number": self.twin.number if self.twin else self.exact_number or None,
            "twin": _twin(self.twin) if self.twin else None,
        }  # fmt: skip


class OnlyInExact(Struct, frozen=True):
    """An order of the period in Exact that no order of Airbase is taken for."""

    division: Division
    number: str
    day: date | None
    supplier: str
    reference: str
    currency: str
    amount: Decimal | None
    why: str

    @property
    def total(self) -> Money | None:
        """Return its total; None if Exact does not say."""
        return None if self.amount is None else Money(self.amount, self.currency)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "division": self.division,
            "exact_number": self.number,
            "day": self.day.isoformat() if self.day else None,
            "supplier": self.supplier or None,
            "reference": self.reference or None,
            "total": str(self.total) if self.total else None,
            "why": self.why,
        }


def _needing(kinds: Iterable[NeedKind]) -> Verdict:
    found = set(kinds)
    if found <= {"mapping", "vendor"} and found:
        return "needs_mapping" if "mapping" in found else "needs_vendor"
    return "exception"


def _twin(twin: Twin) -> dict[str, Any]:
    return {
        "exact_number": twin.number,
        "division": twin.division,
        "day": twin.day.isoformat() if twin.day else None,
        "matched_by": list(twin.matched_by),
        "is_sure": twin.is_sure,
        "differences": [dict(each) for each in twin.differences],
    }
