"""Explain the exception codes to people."""

import difflib
import re

from ml_connector.domain.exception_codes import EXPLANATIONS
from ml_connector.domain.exception_codes.delays import DELAYS
from ml_connector.domain.exception_codes.halts import HALTS
from ml_connector.domain.orders.validation import VALIDATION_TEXTS
from ml_connector.user_errors import UserError

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def explain(code: str | None = None) -> list[dict[str, str]]:
    """Return code, kind, cause and remedy of one code or all; raises `UserError` if unknown."""
    rows = {each["code"]: each for each in _all_rows()}
    if code is None:
        return [rows[name] for name in sorted(rows)]
    requested = code.strip().upper()
    if requested in rows:
        return [rows[requested]]
    near = difflib.get_close_matches(requested, rows, n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else "; `connector codes` lists them"
    raise UserError(f"there is no code {requested!r}{hint}")


def _all_rows() -> list[dict[str, str]]:
    explained = [_row(code, text.cause, text.remedy) for code, text in EXPLANATIONS.items()]
    validation = [_row(code, *texts) for code, texts in VALIDATION_TEXTS.items()]
    return explained + validation


def _row(code: str, cause: str, remedy: str) -> dict[str, str]:
    cause, remedy = (_PLACEHOLDER.sub(r"<\1>", text) for text in (cause, remedy))
    cause = cause[:1].upper() + cause[1:]
    return {"code": code, "kind": _kind(code), "cause": cause, "remedy": remedy}


def _kind(code: str) -> str:
    if code in DELAYS:
        return "waits by itself"
    return "stops the connection" if code in HALTS else "needs a person"
