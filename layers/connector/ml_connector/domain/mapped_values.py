"""A value that can be mapped: what it stands for in Exact, and what could."""

from typing import Any

import msgspec
from msgspec import Struct

from ml_connector.domain.ids import Division

MAPPED, AUTOMATIC, UNMAPPED, UNUSABLE = "mapped", "automatic", "unmapped", "unusable"


_IN_WORDS = {
    "gl_accounts": "GL account",
    "items": "carrier item",
    "cost_centres": "cost centre",
    "cost_units": "cost unit",
    "projects": "project",
    "vat_codes": "VAT code",
    "payment_conditions": "payment condition",
    "suppliers": "supplier",
    "subsidiaries": "subsidiary",
}


def kind_in_words(kind: str) -> str:
    """Return one value of a kind in words: "VAT code" for `vat_codes`."""
    return _IN_WORDS.get(kind, kind.replace("_", " "))


class MappingProposal(Struct, frozen=True):
    """What to enter for a value, its name, and why it is proposed."""

    exact: str
    name: str
    why: str


class MappingRow(Struct, frozen=True):
    """One value in one division; `airbase` and `exact` are as in an import.

    `state`: `mapped`, `automatic` (found in Exact by its own code or name), `unmapped`, or
    `unusable` (what it maps to cannot be used). The last two stop orders.
    """

    division: Division | None
    kind: str
    airbase: str
    name: str
    exact: str
    exact_name: str
    state: str
    orders: int = 0
    code: str = ""
    cause: str = ""
    remedy: str = ""
    proposals: tuple[MappingProposal, ...] = ()

    @property
    def stops_orders(self) -> bool:
        """Return whether an order with this value becomes an exception."""
        return self.state in (UNMAPPED, UNUSABLE)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found
