"""Every code that an exception or a delay can carry, with its cause and its remedy.

docs/exceptions.md lists them for people; a test holds the two together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_connector.codes.changes import CHANGES
from ml_connector.codes.delays import DELAYS
from ml_connector.codes.explanation import Explanation
from ml_connector.codes.halts import HALTS
from ml_connector.codes.orders import ORDERS
from ml_connector.codes.refusals import REFUSALS
from ml_connector.codes.vendors import VENDORS
from ml_connector.faults import Problem

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
