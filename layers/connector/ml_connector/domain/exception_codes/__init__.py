"""Every code that an exception or a delay can carry, with its cause and remedy.

docs/exceptions.md quotes them; a test keeps the two in step.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_connector.domain.exception_codes.changes import CHANGES
from ml_connector.domain.exception_codes.delays import DELAYS
from ml_connector.domain.exception_codes.explanation import Explanation
from ml_connector.domain.exception_codes.halts import HALTS
from ml_connector.domain.exception_codes.orders import ORDERS
from ml_connector.domain.exception_codes.refusals import REFUSALS
from ml_connector.domain.exception_codes.vendors import VENDORS
from ml_connector.domain.faults import Problem

EXPLANATIONS: dict[str, Explanation] = {
    **DELAYS, **HALTS, **REFUSALS, **ORDERS, **CHANGES, **VENDORS,
}  # fmt: skip


def problem(
    code: str,
    record: str,
    detail: str = "",
    *,
    candidates: Sequence[Mapping[str, str]] = (),
    evidence: Mapping[str, Any] | None = None,
) -> Problem:
    """Return the problem of a registered code; `detail` is added to its cause."""
    known = EXPLANATIONS[code]
    cause = f"{known.cause} {detail}".strip()
    return Problem(code, record, cause, known.remedy, candidates, evidence or {})
