"""Explain the exception codes to people."""

import difflib
from collections.abc import Mapping

from ml_connector.domain.exception_codes import CATALOGUE, CatalogueEntry, Severity
from ml_connector.domain.exception_codes.templates import in_general
from ml_connector.user_errors import UserError

_KINDS: Mapping[Severity, str] = {
    Severity.HALT: "stops the connection",
    Severity.EXCEPTION: "needs a person",
    Severity.NOTE: "needs a person",
    Severity.DELAY: "waits by itself",
}


def explain(code: str | None = None) -> list[dict[str, str]]:
    """Return one code or all, without the values of a record; raises `UserError` if unknown.

    Each has `code`, `severity`, `kind`, `cause` and `remedy`.
    """
    if code is None:
        return [_row(CATALOGUE[name]) for name in sorted(CATALOGUE)]
    requested = code.strip().upper()
    if requested in CATALOGUE:
        return [_row(CATALOGUE[requested])]
    near = difflib.get_close_matches(requested, CATALOGUE, n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else "; `connector codes` lists them"
    raise UserError(f"there is no code {requested!r}{hint}")


def _row(entry: CatalogueEntry) -> dict[str, str]:
    return {
        "code": entry.code,
        "severity": entry.severity.value,
        "kind": _KINDS[entry.severity],
        "cause": in_general(entry.cause),
        "remedy": in_general(entry.remedy),
    }
