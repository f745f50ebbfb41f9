"""Why a record is as it is: each decision as a sentence with its evidence, from its own entry.

Nothing is decided again: what an entry does not say is not known, and is said to be so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.exception_codes.difference_words import side
from ml_connector.domain.exception_codes.readable import readable_text
from ml_connector.domain.mapped_values import kind_in_words
from ml_connector.domain.money import readable
from ml_connector.domain.words import counted, moment, verb

DecisionKind = Literal[
    "posted", "linked", "adopted", "refused", "waiting", "amended", "removed", "set_aside",
    "changed", "asked",
]  # fmt: skip

_OLDER = "The version of the connector that recorded this did not record {}."


@dataclass(frozen=True)
class Explanation:
    """One decision. `evidence` is what the entry says for it.

    `is_complete`: the entry says all that entries of this version do.
    """

    seq: int
    at: str
    actor: str
    step: str
    kind: DecisionKind
    sentence: str
    evidence: Sequence[str] = ()
    is_complete: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "seq": self.seq,
            "at": self.at,
            "actor": self.actor,
            "step": self.step,
            "decision": self.kind,
            "sentence": self.sentence,
            "evidence": list(self.evidence),
            "complete": self.is_complete,
        }


class _Said:
    """What an entry says; remembers what it should have said and does not."""

    def __init__(self, entry: Entry, currency: str = "") -> None:
        self.detail = entry.detail
        self._currency = currency
        self.evidence: list[str] = []
        self.is_complete = True

    def text(self, *names: str, absent: str = "") -> str:
        """Return a value of the detail, or of an object in it; `absent` when it does not say."""
        found: Any = self.detail
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return absent if found in (None, "") else str(found)

    def amount(self, name: str) -> str:
        """Return the amount of an object of the detail, in the currency of the order."""
        return readable(f"{self._currency} {self.text(name, 'amount')}".strip())

    def rows(self, name: str) -> list[Mapping[str, Any]]:
        """Return a list of objects of the detail."""
        found = self.detail.get(name)
        return [each for each in found or () if isinstance(each, Mapping)]

    def missing(self, what: str) -> None:
        """Note that the entry was written by a version that did not record something."""
        self.is_complete = False
        self.evidence.append(_OLDER.format(what))


def explain(entries: Sequence[Entry]) -> Iterator[Explanation]:
    """Yield the decisions of a trail, oldest first; what decides nothing is left out."""
    currency = ""
    for entry in entries:
        currency = _currency_of(entry) or currency
        found = STEPS.get(entry.step)
        if found is None:
            continue
        kind, sentence_of = found
        said = _Said(entry, currency)
        sentence = sentence_of(said)
        yield Explanation(
            seq=entry.seq,
            at=entry.at,
            actor=entry.actor,
            step=entry.step,
            kind=kind,
            sentence=sentence,
            evidence=tuple(said.evidence),
            is_complete=said.is_complete,
        )


def _currency_of(entry: Entry) -> str:
    """Return the currency that an entry names: of what was written, else of the order's total."""
    body, total = entry.detail.get("body"), str(entry.detail.get("total") or "")
    currency = body.get("Currency") if isinstance(body, Mapping) else None
    return str(currency or total.partition(" ")[0])


def upto(entries: Sequence[Entry], moment: datetime) -> list[Entry]:
    """Return the entries that were written at that moment or before."""
    return [each for each in entries if datetime.fromisoformat(each.at) <= moment]


def after(entries: Sequence[Entry], moment: datetime) -> list[Entry]:
    """Return the entries that were written later."""
    return [each for each in entries if datetime.fromisoformat(each.at) > moment]


# Orders

_SENT = {"intent", "amendment_intent"}
_BY = "by which mappings and link"


def is_mapped(entry: Entry) -> bool:
    """Return whether the entry is of a decision that mapped the order, recorded or not."""
    if "mappings" in entry.detail:
        return entry.detail["mappings"] is not None
    return entry.step in _SENT or "unmapped" in entry.detail


def used_mappings(entry: Entry) -> list[str]:
    """Return by which mappings and link a decision mapped the order, in words."""
    said = _Said(entry)
    if "mappings" not in entry.detail and entry.step in _SENT:
        said.missing(_BY)
    _add_mappings(said)
    return said.evidence


def _intent(said: _Said) -> str:
    body = said.detail.get("body")
    lines = body.get("PurchaseOrderLines", ()) if isinstance(body, Mapping) else ()
    if "mappings" not in said.detail:
        said.missing(_BY)
    _add_mappings(said)
    said.evidence += _vat(lines)
    amount = said.amount("intent")
    of = f", {counted(len(lines), 'line')}" if lines else ""
    return f"It was mapped and was to be posted{of}{f', for {amount}' if amount else ''}."


def _add_mappings(said: _Said) -> None:
    said.evidence += [_mapping(each) for each in said.rows("mappings")]
    said.evidence += [
        f"Not mapped then: {each.get('record')}: {_cause(each)}" for each in said.rows("unmapped")
    ]


def _mapping(used: Mapping[str, Any]) -> str:
    kind = kind_in_words(str(used.get("kind", "")))
    return f"{kind[:1].upper()}{kind[1:]}: {used.get('airbase')} is {used.get('exact')} in Exact"


def _vat(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield which lines were to be posted with which VAT code, or without VAT."""
    by_code: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        by_code.setdefault(str(line.get("VATCode") or ""), []).append(str(number))
    for code, numbers in by_code.items():
        where = f"{verb(len(numbers), 'line', 'lines')} {', '.join(numbers)}"
        yield f"VAT: code {code} on {where}" if code else f"VAT: none on {where}"


def _posted(said: _Said) -> str:
    number, amount = said.text("exact", "number", absent="?"), said.amount("exact")
    _add_problems(said)
    return f"Exact created it as order {number}{f', total {amount} with VAT' if amount else ''}."


def _found(said: _Said) -> str:
    _add_mappings(said)
    _add_problems(said)
    number = said.text("exact", "number", absent="?")
    return f"Exact order {number} carries its marker, so it was linked and not posted again."


def _adopted(said: _Said) -> str:
    number = said.text("exact", "number") or said.text("exact_number", absent="?")
    matched = said.detail.get("matched_by")
    if isinstance(matched, list):
        same = f"Same {', '.join(map(str, matched))}, by the rehearsal {said.text('rehearsal')}"
        said.evidence.append(same)
        if said.detail.get("is_sure") is False:
            said.evidence.append("Another order in Exact fitted as well; this one was chosen.")
    _add_mappings(said)
    _add_problems(said)
    return f"A person linked it to Exact order {number}, which had been typed in by hand."


def _refused(said: _Said) -> str:
    problems = said.rows("problems") or said.rows("problem")
    single = said.detail.get("problem")
    if isinstance(single, Mapping):
        problems = [single]
    if not problems:
        said.missing("why")
        return "A person has to decide."
    said.evidence += [f"{each.get('record')}: {_cause(each)}" for each in problems]
    codes = ", ".join(dict.fromkeys(str(each.get("code")) for each in problems))
    return f"It was refused for {codes}: a person has to decide."


def _add_problems(said: _Said) -> None:
    said.evidence += [f"{e.get('code')}: {_cause(e)}" for e in said.rows("problems")]


def _cause(problem: Mapping[str, Any]) -> str:
    return readable_text(str(problem.get("code")), str(problem.get("cause")))


def _waiting(said: _Said) -> str:
    code = said.text("code") or said.text("waiting", "code", absent="an unknown reason")
    if cause := said.text("cause"):
        said.evidence.append(readable_text(code, cause))
    else:
        said.missing("the cause")
    until = said.text("until")
    return f"It waits by itself for {code}{f', until {moment(until)}' if until else ''}."


def _amending(said: _Said) -> str:
    for each in said.rows("differences"):
        where, field = (str(each.get(name) or "") for name in ("where", "field"))
        found, expected = (side(field, str(each.get(n) or "")) for n in ("found", "expected"))
        said.evidence.append(f"{where}{', ' if where else ''}{field}: {found} becomes {expected}")
    if not said.evidence:
        said.missing("what was to be changed")
    if "mappings" not in said.detail:
        said.missing(_BY)
    _add_mappings(said)
    return "Airbase has changed it, so the order in Exact was to be changed."


def _as_approved(said: _Said) -> str:
    _add_mappings(said)
    return "The order in Exact is as approved: nothing to change."


def _decided(said: _Said) -> str:
    said.evidence.append(f"{said.text('airbase', absent='?')} is {said.text('to', absent='?')}")
    return "A person decided this for the order alone."


def _fixed(sentence: str, *names: str) -> Callable[[_Said], str]:
    """Return what makes a sentence with these values of the entry, each as evidence."""

    def make(said: _Said) -> str:
        for name in names:
            if value := said.text(name):
                said.evidence.append(f"{name.replace('_', ' ')}: {value}")
        return sentence

    return make


def _note(sentence: str) -> Callable[[_Said], str]:
    """Return what makes a sentence with the reason that a person gave."""

    def make(said: _Said) -> str:
        _add_reason(said)
        return sentence

    return make


def _add_reason(said: _Said) -> None:
    if reason := said.text("reason") or said.text("aside", "reason"):
        said.evidence.append(f"Reason: {reason}")


# Vendors

_RULES = {"by_hand": " by hand", "connection_file": " as the connection file says"}


def _linked(said: _Said) -> str:
    rule = said.text("rule")
    if rule:
        said.evidence += map(str, said.detail.get("evidence") or ())
    else:
        said.missing("by which rule")
    by = _RULES.get(rule, f" by the rule {rule.replace('_', ' ')}" if rule else "")
    _add_reason(said)
    return f"It was linked to supplier {_supplier(said)} in {_division(said)}{by}."


def _unlinked(said: _Said) -> str:
    _add_reason(said)
    return f"Its link to supplier {_supplier(said)} in {_division(said)} was removed."


def _rejected(said: _Said) -> str:
    _add_reason(said)
    return f"A person said that it is not supplier {_supplier(said)} in {_division(said)}."


def _division(said: _Said) -> str:
    return said.text("division", absent="a division")


def _supplier(said: _Said) -> str:
    """Return code and name; entries of earlier versions have the name alone, or the id."""
    id = said.text("supplier") or said.text("rejected", absent="?")
    agreed = said.text("divisions", said.text("division"), "agreed", "supplier")
    return " ".join(filter(None, (said.text("code"), said.text("name") or agreed))) or id


def _proposed(said: _Said) -> str:
    names = [str(each.get("name")) for each in said.rows("candidates")]
    said.evidence += map(str, said.detail.get("evidence") or ())
    rule = said.text("rule").replace("_", " ")
    by = f" by the rule {rule}" if rule else ""
    return f"Suppliers were proposed{by}: {', '.join(names) or 'none is recorded'}."


STEPS: Mapping[str, tuple[DecisionKind, Callable[[_Said], str]]] = {
    "intent": ("posted", _intent),
    "posted": ("posted", _posted),
    "adopted": ("adopted", _found),
    "found_again": ("adopted", _found),
    "adopted_by_hand": ("adopted", _adopted),
    "review": ("refused", _refused),
    "exception": ("refused", _refused),
    "doubted": ("refused", _refused),
    "waiting": ("waiting", _waiting),
    "amendment_intent": ("amended", _amending),
    "amended": ("amended", _fixed("Exact holds the change as approved.")),
    "not_amended": ("amended", _fixed("Exact accepted the change, but did not apply all of it.")),
    "change_refused": ("amended", _fixed("Exact refused the change.")),
    "change_given_up": ("amended", _fixed("The change was given up, for a person to decide.")),
    "as_approved": ("amended", _as_approved),
    "removal_intent": ("removed", _fixed("It is no longer wanted, so it was to be deleted.")),
    "removed": ("removed", _fixed("It was deleted in Exact.")),
    "ended": ("removed", _fixed("It has ended in both systems.")),
    "posted_anew": ("changed", _fixed("Its order in Exact is gone; it was to be posted again.")),
    "changed_in_exact": ("changed", _fixed("Somebody changed it in Exact.")),
    "vendor_changed": ("changed", _fixed("Airbase gave it another vendor.", "vendor")),
    "approval_pending": ("changed", _fixed("A change waits for approval: Exact keeps the last.")),
    "served_elsewhere": ("changed", _fixed("Its subsidiary is served elsewhere: not posted here.")),
    "taken_up": ("changed", _fixed("Its subsidiary is served here: it was taken up after all.")),
    "decided": ("asked", _decided),
    "looked": ("posted", _fixed("Exact was searched for it after a lost answer: nothing found.")),
    "refused": ("refused", _fixed("Exact refused it.")),
    "refused_unclearly": ("refused", _fixed("Exact refused it in words that are not known.")),
    "not_sent": ("waiting", _fixed("It was not sent.", "cause")),
    "dismissed": ("set_aside", _note("A person dismissed its exceptions.")),
    "left_aside": ("set_aside", _fixed("It stays set aside, as a person decided.")),
    "not_a_duplicate": ("asked", _fixed("A person said that it is no duplicate.", "exact_numbers")),
    "retry_asked": ("asked", _fixed("A person asked for it to be tried again.")),
    "fetch_asked": ("asked", _fixed("A person asked for it to be fetched from Airbase.")),
    "linked": ("linked", _linked),
    "accepted": ("linked", _linked),
    "proposed": ("linked", _proposed),
    "withdrawn": ("linked", _fixed("Nothing is proposed any more.", "division")),
    "unlinked": ("linked", _unlinked),
    "rejected": ("linked", _rejected),
    "settled": ("linked", _fixed("The doubt about its link is settled.", "division")),
}
"""What a step decides; steps that are not here only record how far something has come."""
