"""What each exception code means."""

import difflib
import re

from connector_cli.complaints import Complaint
from ml_connector.codes import EXPLANATIONS
from ml_connector.codes.delays import DELAYS
from ml_connector.codes.halts import HALTS
from ml_connector.purchase_orders import problems

_PLACE = re.compile(r"\{(\w+)\}")


def explain(code: str | None = None) -> list[dict[str, str]]:
    """Return code, kind, cause and remedy of one code or all; raises `Complaint` if unknown."""
    every = {each["code"]: each for each in _every()}
    if code is None:
        return [every[name] for name in sorted(every)]
    wanted = code.strip().upper()
    if wanted in every:
        return [every[wanted]]
    near = difflib.get_close_matches(wanted, every, n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else "; `connector codes` lists them"
    raise Complaint(f"there is no code {wanted!r}{hint}")


def _every() -> list[dict[str, str]]:
    registered = [_line(code, known.cause, known.remedy) for code, known in EXPLANATIONS.items()]
    planning = [_line(code, *texts) for code, texts in problems.PLANNING_TEXTS.items()]
    return registered + planning


def _line(code: str, cause: str, remedy: str) -> dict[str, str]:
    cause, remedy = (_PLACE.sub(r"<\1>", text) for text in (cause, remedy))
    cause = cause[:1].upper() + cause[1:]
    return {"code": code, "kind": _kind(code), "cause": cause, "remedy": remedy}


def _kind(code: str) -> str:
    if code in DELAYS:
        return "waits by itself"
    return "stops the connection" if code in HALTS else "needs a person"
