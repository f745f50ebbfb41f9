"""What is kept of a person can be removed; both verifiers accept the chain as before."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.audit import export_files, removal, trail_checks
from ml_connector.audit.record_rows import ExportPeriod
from ml_connector.audit.removal import RecordRemoval
from ml_connector.domain.audit_chain import REMOVAL, Anchor, Entry, _content, _digest
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import RecordKey
from ml_connector.domain.people import Person
from ml_connector.domain.personal_values import removed_paths
from ml_connector.domain.records import Elsewhere, EventFacts, KeptMessage, Note, UnclearRefusal
from ml_connector.exceptions import decisions as exceptions
from ml_connector.infrastructure.decided_values import DecidedValues, MappedValue
from ml_connector.infrastructure.ledger import AnyRecord, Ledger, order_key
from ml_connector.user_errors import UserError
from tests.audit.test_audit_export import VERIFY
from tests.person_stack import PERSON, PersonStack

NAME, WHY = "Jansen Schilderwerken", "asked by the person on 30 November"
Form = Literal["NFC", "NFD"]
NOW = datetime(2026, 11, 30, tzinfo=UTC)
ANNA = Person("https://idp.example", "u-7", "Anna de Vries").actor


@pytest.fixture
def stack(env: InMemoryEnvironment) -> PersonStack:
    """A sole trader's order in Exact."""
    env.connect()
    vendor = env.airbase.add_vendor(NAME)
    env.exact.add_supplier(2101, NAME, code="777")
    env.firm.vendors[NAME] = vendor
    env.wait(hours=25)
    order = env.order("PO-1", vendor=NAME, lines=[env.airbase.line("4100", "10.00")])
    env.post(order)
    vars(env)["posted"] = order
    return PersonStack(env)


def trail_of(env: InMemoryEnvironment, key: Any) -> list[Entry]:
    return env.services.ledger_of(FIRM).trail(key)


def record_of(env: InMemoryEnvironment) -> AnyRecord:
    return env.services.ledger_of(FIRM).read(order_key(vars(env)["posted"]["id"]))


def everything_stored(env: InMemoryEnvironment) -> str:
    """Return records and trails as stored, without what expires by itself within days."""
    rows = vars(env.memory.tables.ledger)["_parts"], vars(env.memory.tables.audit)["_parts"]
    kept = {pk: each for table in rows for pk, each in table.items() if "#group" not in pk}
    return json.dumps({pk: each for pk, each in kept.items() if "#news" not in pk}, default=str)


def exported(stack: PersonStack, folder: Path, form: str = "jsonl") -> Path:
    path = folder / f"trail-{len(list(folder.iterdir()))}.{form}"
    key = record_of(stack.env).key
    export_files.export(stack, PERSON, FIRM, key, ExportPeriod(), form, path)
    return path


def faults(path: Path) -> list[str]:
    return list(VERIFY.faults(path, Counter()))


def removed(stack: PersonStack, text: str = NAME, **more: Any) -> dict[str, RecordRemoval]:
    return {each.record: each for each in removal.remove(stack, PERSON, FIRM, text, WHY, **more)}


def broken(env: InMemoryEnvironment) -> list[str]:
    ledger = env.services.ledger_of(FIRM)
    checks = (trail_checks.check(ledger, each) for each in ledger.records())
    return [f"{each.record}: {each.broken}" for each in checks if each.broken]


def test_a_sole_trader_is_removed_and_every_trail_is_verified(
    env: InMemoryEnvironment, stack: PersonStack, tmp_path: Path
) -> None:
    before = trail_of(env, record_of(env).key)
    assert NAME in json.dumps([each.as_dict() for each in before])
    told = removed(stack)[record_of(env).key]
    assert told.values > 0
    assert told.entries == 0, "what was sealed is removed value by value"
    after = trail_of(env, record_of(env).key)
    assert [each.hash for each in after[:-1]] == [each.hash for each in before]
    assert after[-1].step == REMOVAL
    assert after[-1].actor == PERSON
    assert after[-1].detail["why"] == WHY
    assert broken(env) == []
    assert NAME not in json.dumps([each.as_dict() for each in after])
    for form in ("jsonl", "csv"):
        assert faults(exported(stack, tmp_path, form)) == []
    assert NAME not in record_of(env).facts.vendor
    assert record_of(env).facts.exact, "what else the record says stays"


def test_what_is_not_open_is_gone_from_every_table(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    left = [each for each in removed(stack).values() if each.left]
    assert left == []
    assert NAME not in everything_stored(env)


def test_a_person_of_the_console_is_removed_by_name_and_by_subject(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    key = record_of(env).key
    ledger = Ledger(env.memory.tables.ledger, env.memory.tables.audit, ANNA, FIRM)
    ledger.write(ledger.read(key), "commented", detail={"comment": "Ask Anna de Vries"})
    assert ANNA in {each.actor for each in trail_of(env, key)}
    assert removed(stack, "Anna de Vries")[key].values == 2
    found = trail_of(env, key)
    assert "Anna" not in json.dumps([each.as_dict() for each in found])
    assert broken(env) == []


def test_a_trial_changes_nothing(env: InMemoryEnvironment, stack: PersonStack) -> None:
    before = everything_stored(env)
    assert removed(stack, dry_run=True)
    assert everything_stored(env) == before


def test_twice_removes_once(env: InMemoryEnvironment, stack: PersonStack) -> None:
    removed(stack)
    assert removed(stack) == {}
    assert broken(env) == []


def test_an_open_record_is_left_and_named(env: InMemoryEnvironment, stack: PersonStack) -> None:
    lines = [env.airbase.line("4600", "10.00")]
    order = env.order("PO-2", vendor=NAME, lines=lines)
    env.post(order)
    told = removed(stack)[order_key(order["id"])]
    assert "it is open" in told.left
    assert NAME in env.services.ledger_of(FIRM).read(order_key(order["id"])).facts.vendor


@pytest.mark.parametrize(("text", "why"), [("Jan", WHY), (NAME, " "), (NAME, f"{NAME} asked")])
def test_what_would_remove_too_much_or_repeat_the_name_is_refused(
    stack: PersonStack, text: str, why: str
) -> None:
    with pytest.raises(UserError):
        removal.remove(stack, PERSON, FIRM, text, why)


# ---------------------------------------------------------------- entries from before


def unsealed(entry: Entry, previous: str) -> Entry:
    """Return an entry as earlier versions sealed it: the hash covers every value as it is."""
    content = _content(entry.record, entry.seq, entry.at, entry.actor, entry.step, entry.detail)
    return replace(entry, salts={}, previous=previous, hash=_digest(content, previous))


def as_before(env: InMemoryEnvironment) -> None:
    """Store the order's trail as an earlier version did."""
    record, previous = record_of(env), "0" * 64
    for entry in trail_of(env, record.key):
        old = unsealed(entry, previous)
        env.services.ledger_of(FIRM).rewrite_entry(old)
        previous = old.hash
    anchor = Anchor(record.anchor.seq, previous)
    env.services.ledger_of(FIRM).save_unaudited(replace(record, anchor=anchor))


def test_an_entry_from_before_is_verified_and_removed_as_a_whole(
    env: InMemoryEnvironment, stack: PersonStack, tmp_path: Path
) -> None:
    as_before(env)
    assert broken(env) == []
    assert faults(exported(stack, tmp_path)) == []
    before = trail_of(env, record_of(env).key)
    told = removed(stack)[record_of(env).key]
    assert told.entries > 0
    after = trail_of(env, record_of(env).key)
    assert [each.hash for each in after[:-1]] == [each.hash for each in before]
    assert [each.step for each in after[:-1]] == [each.step for each in before]
    assert NAME not in json.dumps([each.as_dict() for each in after])
    assert broken(env) == []
    assert faults(exported(stack, tmp_path)) == []


# ---------------------------------------------------------------- tampering


def test_a_removal_that_nobody_tells_of_is_found(
    env: InMemoryEnvironment, stack: PersonStack, tmp_path: Path
) -> None:
    key = record_of(env).key
    ledger = env.services.ledger_of(FIRM)
    first = trail_of(env, key)[0]
    ledger.rewrite_entry(replace(first, actor="(removed)", detail={"$removed": True}, salts={}))
    assert "something was removed" in "".join(broken(env))
    assert any("something was removed" in each for each in faults(exported(stack, tmp_path)))


def test_a_value_that_is_removed_by_stealth_is_found(
    env: InMemoryEnvironment, stack: PersonStack, tmp_path: Path
) -> None:
    key = record_of(env).key
    entry = next(each for each in trail_of(env, key) if each.salts)
    gone = removal._without(entry, [next(iter(entry.salts))])
    env.services.ledger_of(FIRM).rewrite_entry(gone)
    assert [*removed_paths(gone.actor, gone.detail, gone.salts)]
    assert "something was removed" in "".join(broken(env))
    assert any("something was removed" in each for each in faults(exported(stack, tmp_path)))


@pytest.mark.parametrize("change", ["value", "salt", "no salts", "path"])
def test_a_sealed_value_that_was_changed_is_found(
    env: InMemoryEnvironment, stack: PersonStack, tmp_path: Path, change: str
) -> None:
    key = record_of(env).key
    entry = next(each for each in trail_of(env, key) if "detail/vendor" in each.salts)
    salts = dict(entry.salts)
    detail = dict(entry.detail)
    if change == "value":
        detail["vendor"] = "Somebody else"
    elif change == "salt":
        salts["detail/vendor"] = "0" * 32
    elif change == "no salts":
        salts = {}
    else:
        salts["detail/nowhere/3"] = "0" * 32
    env.services.ledger_of(FIRM).rewrite_entry(replace(entry, detail=detail, salts=salts))
    assert len(broken(env)) == 1
    assert faults(exported(stack, tmp_path)) != []


def test_a_text_that_looks_like_a_removed_value_is_sealed_itself(
    env: InMemoryEnvironment, stack: PersonStack, tmp_path: Path
) -> None:
    ledger, key = env.services.ledger_of(FIRM), record_of(env).key
    odd = {"a/b~c": {"x": [f"personal:{'a' * 64}", 7]}, "$ne": "personal:"}
    ledger.write(ledger.read(key), "commented", detail=odd)
    assert broken(env) == []
    assert faults(exported(stack, tmp_path)) == []
    assert trail_of(env, key)[-1].detail["a/b~c"] == odd["a/b~c"]


def test_an_entry_of_many_rows_leaves_none_behind(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    import random  # noqa: PLC0415

    ledger, key = env.services.ledger_of(FIRM), record_of(env).key
    noise = "".join(random.Random(5).choices("abcdefghijklmnop0123456789", k=900_000))
    ledger.write(ledger.read(key), "commented", detail={"comment": NAME, "noise": noise})
    as_before(env)
    assert removed(stack)[key].entries > 0
    assert broken(env) == []
    assert noise[:2000] not in everything_stored(env)


# ---------------------------------------------------------------- every place of a text


def facts_with(env: InMemoryEnvironment, **facts: Any) -> AnyRecord:
    """Give the posted order's record these facts, and return it."""
    ledger = env.services.ledger_of(FIRM)
    record = record_of(env)
    ledger.write(replace(record, facts=replace(record.facts, **facts)), "commented", detail={})
    return record_of(env)


@pytest.mark.parametrize("space", ["  ", "\t", "\n", "\u00a0"])
def test_a_name_goes_from_every_place_of_a_text_whatever_space_is_in_it(
    env: InMemoryEnvironment, stack: PersonStack, space: str
) -> None:
    spaced = NAME.replace(" ", space)
    facts_with(env, vendor=f"{NAME} called; {spaced} will call again")
    removed(stack)
    assert record_of(env).facts.vendor == "(removed) called; (removed) will call again"


@pytest.mark.parametrize("kept", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_an_accent_is_the_same_in_one_character_and_behind_its_letter(
    env: InMemoryEnvironment, stack: PersonStack, kept: Form, typed: Form
) -> None:
    facts_with(env, vendor=normalize(kept, "from José Müller"))
    removed(stack, normalize(typed, "José Müller"))
    assert record_of(env).facts.vendor == "from (removed)"


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"error": "Sjöerd & Zonen is blocked"}),
        r'{"error": "Sj\u00F6erd & Zonen is blocked"}',
        "<p>Sjöerd &amp; Zonen is blocked</p>",
    ],
)
def test_a_name_goes_from_an_answer_that_writes_it_otherwise(
    env: InMemoryEnvironment, stack: PersonStack, answer: str
) -> None:
    found = problem("EXACT_ODD_ANSWER", "PO-1", evidence={"answer": answer}, endpoint="x")
    note = Note("known", PERSON, NOW)
    facts_with(env, problems=(found,), dismissed={found.digest: note})
    removed(stack, "Sjöerd & Zonen")
    ((kept,),) = (record_of(env).facts.problems,)
    assert kept.evidence["answer"] == re.sub("Sj.*Zonen", "(removed)", answer)


@pytest.mark.parametrize("other", [normalize("NFD", "José"), "JOSE", "Josefine", "Maria_Jose"])
def test_another_name_stays(env: InMemoryEnvironment, stack: PersonStack, other: str) -> None:
    facts_with(env, vendor=f"from {other}")
    assert removed(stack, "Jose") == {}


@pytest.mark.parametrize(
    "said",
    [
        {"refusals": (UnclearRefusal(NOW, "d" * 16, 400, f"{NAME} is not known"),)},
        {"elsewhere": Elsewhere("B.V.", f"by hand, by {NAME}")},
        {"order": f"a gift to {NAME}"},
    ],
)
def test_a_name_goes_from_whatever_was_said_of_an_order(
    env: InMemoryEnvironment, stack: PersonStack, said: dict[str, Any]
) -> None:
    facts_with(env, **said)
    removed(stack)
    assert NAME not in everything_stored(env)


def test_what_was_dismissed_stays_closed_in_other_words(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    name = "Pieter Willems"
    env.firm.vendors[name] = env.airbase.add_vendor(name)
    vars(env)["posted"] = env.order("PO-9", vendor=name)
    env.post(vars(env)["posted"])
    exceptions.dismiss(stack, PERSON, FIRM, "PO-9", "by hand", every=True)
    found = problem("EXACT_ODD_ANSWER", "PO-9", evidence={"answer": f"to {name}"}, endpoint="x")
    before = record_of(env)
    ((_, note),) = before.facts.dismissed.items()
    facts_with(
        env,
        problems=(*before.facts.problems, found),
        dismissed={**before.facts.dismissed, found.digest: note},
    )
    assert removed(stack, name)[record_of(env).key].in_record
    assert name not in everything_stored(env)
    assert record_of(env).problems == ()
    assert [*record_of(env).facts.dismissed.values()] == [note, note]


def test_nobody_removes_themselves(env: InMemoryEnvironment, stack: PersonStack) -> None:
    facts_with(env, vendor="the bookkeeper")
    with pytest.raises(UserError, match="somebody else"):
        removed(stack, "bookkeeper")


def test_it_goes_from_what_a_remote_has_said(env: InMemoryEnvironment, stack: PersonStack) -> None:
    ledger = env.services.ledger_of(FIRM)
    record = ledger.read(RecordKey("event#e1"))
    kept = KeptMessage("purchase_orders", f"{FIRM}#e1", {"message": {"shown": f"from {NAME}"}})
    ledger.write(replace(record, facts=EventFacts(message=kept)), "handled", detail={})
    assert removed(stack)[record.key].in_record == 1
    assert NAME not in everything_stored(env)


def test_what_a_worker_writes_meanwhile_is_removed_too(
    env: InMemoryEnvironment, stack: PersonStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = Ledger.rewrite_entry, list[str]()

    def rewrite(self: Ledger, entry: Entry) -> None:
        real(self, entry)
        if not written:
            written.append(NAME)
            facts_with(env, vendor=f"called {NAME}")

    monkeypatch.setattr(Ledger, "rewrite_entry", rewrite)
    removed(stack)
    assert written
    assert NAME not in everything_stored(env)
    assert broken(env) == []


def test_what_is_opened_meanwhile_is_left_and_named(
    env: InMemoryEnvironment, stack: PersonStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Ledger.rewrite_entry

    def rewrite(self: Ledger, entry: Entry) -> None:
        real(self, entry)
        if not record_of(env).facts.open_problems:
            found = problem("GL_ACCOUNT_BLOCKED", "PO-1", account="4100", division="nl.2101")
            facts = replace(record_of(env).facts, vendor=f"called {NAME}", problems=(found,))
            self.write(replace(record_of(env), facts=facts), "review", detail={})

    monkeypatch.setattr(Ledger, "rewrite_entry", rewrite)
    assert "it is open" in removed(stack)[record_of(env).key].left
    assert record_of(env).facts.vendor == f"called {NAME}"


def test_a_trial_shows_the_longer_names_that_would_lose_it(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    facts_with(env, vendor=f"as {NAME} & Zonen")
    told = removed(stack, dry_run=True)[record_of(env).key]
    assert f"as {NAME} & Zonen" in told.found_in
    assert removed(stack)[record_of(env).key].found_in == ()


def test_who_has_mapped_a_value_goes_too(env: InMemoryEnvironment, stack: PersonStack) -> None:
    decided = DecidedValues(env.memory.tables.ledger, FIRM)
    value = MappedValue(None, "account", "4100", "4100")
    decided.note([value], ANNA)
    before = decided.last(value)
    assert before
    assert removed(stack, "Anna de Vries")["mappings"].in_record == 1
    after = decided.last(value)
    assert after
    assert "Anna" not in after.by
    assert after.at == before.at
