"""Dismiss the exceptions of one record, or assign them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ml_connector import clock
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Actor
from ml_connector.domain.people import name_of
from ml_connector.domain.records import (
    ConnectionFacts,
    HaltProblem,
    Note,
    OrderDecision,
    OrderState,
)
from ml_connector.exceptions.open_rows import open_rows
from ml_connector.exceptions.retry import send_by_hand
from ml_connector.infrastructure.ledger import AnyRecord, Conflict
from ml_connector.records import lookup as records
from ml_connector.stack import RecordStack
from ml_connector.user_errors import UserError

_ORDERS = "order#"
_ATTEMPTS = 3
_LONGEST_REASON, _LONGEST_NAME = 500, 100

Change = Callable[[AnyRecord], tuple[AnyRecord, str, dict[str, Any]]]
"""Returns the changed record, and the step and detail for its audit trail."""


def dismiss(
    stack: RecordStack,
    actor: Actor,
    id: str,
    name: str,
    reason: str,
    codes: Sequence[str] = (),
    *,
    every: bool = False,
    digest: str | None = None,
) -> dict[str, Any]:
    """Close the record's exceptions of these codes, or the only one, or `every` one of them.

    With a `digest` only the exception that has it: what was seen, and nothing that came since. They
    stay closed while the same problem lasts. An order that is not posted and has no open exception
    left is set aside. Raises `UserError` for a halt, and when nothing is open.
    """
    text = _text("a reason", reason, _LONGEST_REASON)
    requested = {code.strip().upper() for code in codes}

    def change(record: AnyRecord) -> tuple[AnyRecord, str, dict[str, Any]]:
        chosen = (
            _chosen(record, requested, every=every)
            if digest is None
            else _with_digest(record, digest)
        )
        note = Note(text, actor, clock.now())
        dismissed = {**record.facts.dismissed, **{each.digest: note for each in chosen}}
        after = replace(record, facts=replace(record.facts, dismissed=dismissed))
        if _is_to_be_set_aside(after):
            state = _state_to_restore(record)
            facts = replace(after.facts, aside=note, aside_from=state, asked_for=False)
            after = after.now(OrderState.SET_ASIDE, facts)
        named = [{"code": p.code, "record": p.record, "cause": p.cause} for p in chosen]
        return after, "dismissed", {"reason": text, "problems": named}

    before, after = _change(stack, actor, id, name, change)
    still_open = {each.digest for each in after.problems}
    closed = [each for each in before.problems if each.digest not in still_open]
    return {
        "connection": after.connection,
        "key": after.key,
        "title": records.title(after),
        "dismissed": [problem.code for problem in closed],
        "open": [problem.code for problem in after.problems],
        "state": after.state,
    }


def assign(stack: RecordStack, actor: Actor, id: str, name: str, who: str | None) -> dict[str, Any]:
    """Assign a record with open exceptions to somebody; None removes the assignment."""
    assignee = None if who is None else _text("a name", who, _LONGEST_NAME)

    def change(record: AnyRecord) -> tuple[AnyRecord, str, dict[str, Any]]:
        if not any(open_rows(record)):
            raise UserError(f"{records.title(record)} has no open exception")
        after = replace(record, facts=replace(record.facts, assignee=assignee))
        return after, "assigned" if assignee else "unassigned", {"to": assignee}

    _, after = _change(stack, actor, id, name, change)
    return {
        "connection": after.connection,
        "key": after.key,
        "title": records.title(after),
        "assignee": assignee,
    }


def comment(stack: RecordStack, actor: Actor, id: str, name: str, text: str) -> dict[str, Any]:
    """Write a remark into the record's story; it changes nothing else."""
    said = _text("a comment", text, _LONGEST_REASON)

    def change(record: AnyRecord) -> tuple[AnyRecord, str, dict[str, Any]]:
        return record, "commented", {"comment": said}

    _, after = _change(stack, actor, id, name, change)
    return {"connection": after.connection, "key": after.key, "title": records.title(after)}


def decide(
    stack: RecordStack, actor: Actor, id: str, name: str, kind: str, airbase: str, exact: str
) -> dict[str, Any]:
    """Say what an Airbase value of this order stands for in Exact, and queue the order.

    It holds for the order as Airbase has it now: a later revision asks again. `kind` is that of a
    mapping. Raises `UserError` for an order that is in Exact or was not fetched yet, and when
    somebody else has decided it otherwise.
    """

    def change(record: AnyRecord) -> tuple[AnyRecord, str, dict[str, Any]]:
        facts = records.order_facts(record)
        title, approved = records.title(record), facts.fingerprint
        if facts.exact or not approved:
            why = "is in Exact already" if facts.exact else "was not read in Airbase yet: retry it"
            raise UserError(f"{title} {why}")
        current = [each for each in facts.decisions if each.approved == approved]
        for each in current:
            if (each.kind, each.airbase) == (kind, airbase) and each.by != actor:
                raise UserError(f"{name_of(each.by)} has decided {title} meanwhile: {each.exact}")
        others = (each for each in current if (each.kind, each.airbase) != (kind, airbase))
        made = OrderDecision(kind, airbase, exact, approved, actor, clock.now())
        after = replace(facts, decisions=(*others, made))
        detail = {"kind": kind, "airbase": airbase, "to": exact}
        return record.now(record.state, after).due(clock.now()), "decided", detail

    _, after = _change(stack, actor, id, name, change)
    send_by_hand(stack.send, after)
    return {"connection": after.connection, "key": after.key, "title": records.title(after)}


def _change(
    stack: RecordStack, actor: Actor, id: str, name: str, change: Change
) -> tuple[AnyRecord, AnyRecord]:
    """Write the change in the name of `actor`; return the record before and after."""
    ledger = stack.ledger_of(actor, stack.known_id(id))
    record = records.find_record(ledger, name)
    for _ in range(_ATTEMPTS):
        after, step, detail = change(record)
        try:
            return record, ledger.write(after, step, detail=detail)
        except Conflict:
            record = ledger.read(record.key)
    raise Conflict(f"{records.title(record)}")


def _chosen(record: AnyRecord, codes: set[str], *, every: bool) -> list[Problem]:
    title, found = records.title(record), record.problems
    halts = [each.code for each in _halts(record)]
    missing = sorted(codes - {each.code for each in found})
    if halting := [code for code in halts if code in missing or not found]:
        raise UserError(f"{halting[0]} stops the connection: repair it, and it closes by itself")
    if missing:
        raise UserError(f"{title} has no open exception {missing[0]}")
    if not found:
        raise UserError(f"{title} has no open exception")
    if len(found) > 1 and not codes and not every:
        raise UserError(f"{title} has {len(found)} open exceptions: pass --code CODE or --all")
    return [each for each in found if every or not codes or each.code in codes]


def _with_digest(record: AnyRecord, digest: str) -> list[Problem]:
    if found := [each for each in record.problems if each.digest == digest]:
        return found
    title, note = records.title(record), record.facts.dismissed.get(digest)
    if note:
        raise UserError(f"this exception of {title} was dismissed already, by {name_of(note.by)}")
    raise UserError(f"this exception of {title} is not open any more")


def _is_to_be_set_aside(record: AnyRecord) -> bool:
    is_posted = record.state == OrderState.POSTED or records.order_facts(record).exact
    return record.key.startswith(_ORDERS) and not record.problems and not is_posted


def _state_to_restore(record: AnyRecord) -> OrderState:
    """Keep "posting": an order that may be in Exact is looked up there before it is sent again."""
    is_begun = record.state == OrderState.POSTING
    return OrderState.POSTING if is_begun else OrderState.RECEIVED


def _halts(record: AnyRecord) -> list[HaltProblem]:
    facts = record.facts
    return list(facts.halts.values()) if isinstance(facts, ConnectionFacts) else []


def _text(what: str, text: str, longest: int) -> str:
    cleaned = " ".join(text.split())
    if not cleaned:
        raise UserError(f"give {what}")
    if len(cleaned) > longest:
        raise UserError(f"give {what} of at most {longest} characters")
    return cleaned
