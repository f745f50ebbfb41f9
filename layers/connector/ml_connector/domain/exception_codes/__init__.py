"""The catalogue of exceptions: every code of the product once, with its texts.

Codes are written out where they are raised and here, so a search finds both. docs/exceptions.md is
generated from the catalogue: `make exceptions-page`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity
from ml_connector.domain.exception_codes.changes import CHANGES
from ml_connector.domain.exception_codes.delays import DELAYS
from ml_connector.domain.exception_codes.halts import HALTS
from ml_connector.domain.exception_codes.orders import ORDERS
from ml_connector.domain.exception_codes.ping import PING
from ml_connector.domain.exception_codes.readings import READINGS
from ml_connector.domain.exception_codes.refusals import REFUSALS
from ml_connector.domain.exception_codes.templates import fill
from ml_connector.domain.exception_codes.validation import VALIDATION
from ml_connector.domain.exception_codes.vendors import VENDORS
from ml_connector.domain.faults import Later, Problem

__all__ = ["CATALOGUE", "GROUPS", "CatalogueEntry", "Severity", "delay", "detail_text", "problem"]

GROUPS: Mapping[str, Sequence[CatalogueEntry]] = {
    "delays": DELAYS,
    "halts": HALTS,
    "refusals": REFUSALS,
    "readings": READINGS,
    "ping": PING,
    "orders": ORDERS,
    "changes": CHANGES,
    "vendors": VENDORS,
    "validation": VALIDATION,
}
"""The entries as docs/exceptions.md groups them."""

CATALOGUE: Mapping[str, CatalogueEntry] = {
    entry.code: entry for group in GROUPS.values() for entry in group
}


def problem(
    code: str,
    record: str,
    detail: str = "",
    /,
    *,
    candidates: Sequence[Mapping[str, str]] = (),
    evidence: Mapping[str, Any] | None = None,
    **values: Any,
) -> Problem:
    """Return the problem of a code; `detail` names a further sentence of its cause.

    `values` are those of all fields of the cause, the detail and the remedy. An unknown code or
    detail is a `KeyError`.
    """
    entry = CATALOGUE[code]
    cause = fill(entry.template(detail), values)
    remedy = fill(entry.remedy, values)
    return Problem(code, record, cause, remedy, candidates, evidence or {})


def delay(
    code: str,
    until: datetime,
    detail: str = "",
    /,
    *,
    outcome_unknown: bool = False,
    **values: Any,
) -> Later:
    """Return the fault of a delay until `until` (aware UTC); the rest is as for `problem`."""
    cause = fill(CATALOGUE[code].template(detail), values)
    return Later(code, until, cause, outcome_unknown=outcome_unknown)


def detail_text(code: str, detail: str, /, **values: Any) -> str:
    """Return only the further sentence of the cause, as evidence elsewhere."""
    return fill(CATALOGUE[code].details[detail], values)
