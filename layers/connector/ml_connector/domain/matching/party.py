"""What is known of a vendor or a supplier, and what was decided about a vendor."""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal, get_args

MatchOutcome = Literal["link", "review", "none"]
MatchRule = Literal[
    "external_id", "account_code", "vat_number", "chamber_of_commerce", "iban", "name",
    "similar_name", "",
]  # fmt: skip

RULES: frozenset[str] = frozenset(get_args(MatchRule)) - {""}
"""The rules by which vendors are linked automatically, or proposed."""


@dataclass(frozen=True, slots=True)
class Party:
    """One Airbase vendor or one Exact supplier; a text is empty where its system has none.

    `external_id` is a vendor's `erp_reference_id`, `code` a supplier's account code. An account
    that is blocked, ended or not a supplier is not usable, and is never linked automatically.
    """

    id: str
    name: str
    email: str = ""
    vat_number: str = ""
    chamber_of_commerce: str = ""
    iban: str = ""
    country: str = ""
    city: str = ""
    code: str = ""
    external_id: str = ""
    is_usable: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A supplier that may be the vendor's, and how similar they are, 0 to 1."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class MatchDecision:
    """What was decided about a vendor, by which rule, on what evidence, and despite which doubts.

    `supplier_id` is set only for a link. `candidates` (at most 3, best first) are proposed in a
    review; with the outcome "none" they are alike, but not enough to be proposed to a person.
    `doubts` kept what a rule found from being linked.
    """

    vendor_id: str
    outcome: MatchOutcome
    score: float
    rule: MatchRule
    supplier_id: str = ""
    candidates: tuple[Candidate, ...] = ()
    evidence: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def is_unlike_all(self) -> bool:
        """Tell whether no supplier is alike, so that one may be created."""
        return self.outcome == "none" and not self.candidates


def digest(*parties: Party) -> str:
    """Return a digest of all fields of these parties but `is_usable`."""
    known = "".join(repr({**asdict(each), "is_usable": True}) for each in parties)
    return sha256(known.encode()).hexdigest()
