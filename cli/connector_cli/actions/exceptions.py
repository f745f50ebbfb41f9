"""One record's exceptions: shown with their evidence, dismissed with a reason, assigned."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from connector_cli.actions import records
from connector_cli.actions.exception_lists import open_rows
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.doors.ledger import Conflict, Record
from ml_connector.open_exceptions import SET_ASIDE, digest

ASIDE_FACTS = frozenset({"dismissed", "aside", "aside_from", "asked_for"})
"""The facts of an order that was set aside; taken away when it is taken up again."""

_ORDERS = "order#"
_ATTEMPTS = 3
_LAST_STEPS = 5
_LONGEST_REASON, _LONGEST_NAME = 500, 100

Change = Callable[[Record], tuple[Record, str, dict[str, Any]]]
"""Returns a record as it shall be, and the step and detail for its audit trail."""


def show(stack: Stack, id: str, name: str) -> dict[str, Any]:
    """Return all that is known of a record's exceptions, and the last steps of its trail."""
    record = records.find_record(stack, stack.known_id(id), name)
    facts = record.facts
    evidence = {digest(each): each.get("evidence") or {} for each in _every(record)}
    exceptions = [row | {"evidence": evidence[row["id"]]} for row in open_rows(record)]
    trail = stack.doors.ledger.trail(record.connection, record.key)
    return {
        "connection": record.connection,
        "key": record.key,
        "title": records.title(record),
        "state": record.state,
        "division": facts.get("division"),
        "vendor": facts.get("vendor"),
        "total": facts.get("total"),
        "assignee": facts.get("assignee"),
        "exceptions": exceptions,
        "dismissed": _dismissed(record),
        "trail": [entry.as_dict() for entry in trail[-_LAST_STEPS:]],
    }


def set_aside(record: Record) -> dict[str, Any] | None:
    """Return why, by whom and when an order was set aside; None for the others."""
    return dict(record.facts.get("aside", {})) if record.state == SET_ASIDE else None


def dismiss(
    stack: Stack, id: str, name: str, reason: str, codes: Sequence[str] = (), *, every: bool = False
) -> dict[str, Any]:
    """Close the record's exceptions of these codes, or the only one, or `every` one of them.

    They stay closed while the very same problem lasts. An order that is not posted and has no
    open exception left is set aside. Raises `Complaint` for a halt, and when nothing is open.
    """
    said = _text("a reason", reason, _LONGEST_REASON)
    wanted = {code.strip().upper() for code in codes}

    def change(record: Record) -> tuple[Record, str, dict[str, Any]]:
        chosen = _chosen(record, wanted, every=every)
        note = {"reason": said, "by": stack.actor, "at": clock.now().isoformat()}
        dismissed = {**record.facts.get("dismissed", {}), **{digest(p): note for p in chosen}}
        after = replace(record, facts={**record.facts, "dismissed": dismissed})
        if _is_to_be_set_aside(after):
            after = after.now(SET_ASIDE, aside=note, aside_from=_way_back(record), asked_for=False)
        named = [{n: p[n] for n in ("code", "record", "cause")} for p in chosen]
        return after, "dismissed", {"reason": said, "problems": named}

    before, after = _change(stack, id, name, change)
    closed = [p for p in before.problems if digest(p) not in {digest(q) for q in after.problems}]
    return {
        "connection": after.connection,
        "key": after.key,
        "title": records.title(after),
        "dismissed": [problem["code"] for problem in closed],
        "open": [problem["code"] for problem in after.problems],
        "state": after.state,
    }


def assign(stack: Stack, id: str, name: str, who: str | None) -> dict[str, Any]:
    """Give a record with open exceptions to somebody, or (None) to nobody."""
    assignee = None if who is None else _text("a name", who, _LONGEST_NAME)

    def change(record: Record) -> tuple[Record, str, dict[str, Any]]:
        if not any(open_rows(record)):
            raise Complaint(f"{records.title(record)} has no open exception")
        after = replace(record, facts={**record.facts, "assignee": assignee})
        return after, "assigned" if assignee else "unassigned", {"to": assignee}

    _, after = _change(stack, id, name, change)
    return {
        "connection": after.connection,
        "key": after.key,
        "title": records.title(after),
        "assignee": assignee,
    }


def _change(stack: Stack, id: str, name: str, change: Change) -> tuple[Record, Record]:
    """Write the change as whoever runs the command; return the record before and after."""
    record = records.find_record(stack, stack.known_id(id), name)
    for _ in range(_ATTEMPTS):
        after, step, detail = change(record)
        try:
            return record, stack.signed.write(after, step, **detail)
        except Conflict:
            record = stack.signed.read(record.connection, record.key)
    raise Conflict(f"{records.title(record)}")


def _chosen(record: Record, codes: set[str], *, every: bool) -> list[dict[str, Any]]:
    title, found = records.title(record), record.problems
    halts = [each["code"] for each in record.facts.get("halts", {}).values()]
    missing = sorted(codes - {each["code"] for each in found})
    if halting := [code for code in halts if code in missing or not found]:
        raise Complaint(f"{halting[0]} stops the connection: repair it, and it closes by itself")
    if missing:
        raise Complaint(f"{title} has no open exception {missing[0]}")
    if not found:
        raise Complaint(f"{title} has no open exception")
    if len(found) > 1 and not codes and not every:
        raise Complaint(f"{title} has {len(found)} open exceptions: say --code CODE, or --all")
    return [each for each in found if every or not codes or each["code"] in codes]


def _is_to_be_set_aside(record: Record) -> bool:
    is_posted = record.state == "posted" or "exact" in record.facts
    return record.key.startswith(_ORDERS) and not record.problems and not is_posted


def _way_back(record: Record) -> str:
    """An order that may have reached Exact is looked for there before anything is sent again."""
    return "posting" if record.state == "posting" else "received"


def _dismissed(record: Record) -> list[dict[str, Any]]:
    notes = record.facts.get("dismissed", {})
    return [
        {"id": digest(each), "code": each["code"], "cause": each["cause"], **notes[digest(each)]}
        for each in record.every_problem
        if digest(each) in notes
    ]


def _every(record: Record) -> list[dict[str, Any]]:
    return [*record.facts.get("halts", {}).values(), *record.every_problem]


def _text(what: str, text: str, longest: int) -> str:
    said = " ".join(text.split())
    if not said:
        raise Complaint(f"give {what}")
    if len(said) > longest:
        raise Complaint(f"give {what} of at most {longest} characters")
    return said
