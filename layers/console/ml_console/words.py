"""States and steps of records, in words."""

import re
from collections.abc import Mapping
from typing import Any

from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.open_groups import Matter
from ml_connector.languages.exception_texts import heading, in_any_words
from ml_connector.languages.texts import Texts, marked
from ml_connector.messages.kinds import DeedName
from ml_console.formats import month
from ml_console.refusal_texts import refusal_in_words

_FIELD = re.compile(r"%\((\w+)\)s")


STATES: Mapping[str, str] = {
    "new": marked("New"),
    "received": marked("On its way"),
    "review": marked("Waits for a decision"),
    "set_aside": marked("Set aside"),
    "posting": marked("Being posted"),
    "posted": marked("In Exact"),
    "amending": marked("Being changed in Exact"),
    "awaiting_approval": marked("Waits for approval in Airbase"),
    "not_an_order": marked("Not a purchase order"),
    "denied": marked("Denied in Airbase"),
    "archived": marked("Archived in Airbase"),
    "cancelled": marked("Cancelled in Airbase"),
    "closed": marked("Closed in Airbase"),
    "served_elsewhere": marked("Served elsewhere"),
    "proposed": marked("A supplier is proposed"),
    "linked": marked("Linked"),
    "unmatched": marked("No supplier found"),
    "active": marked("Works"),
    "halted": marked("Stopped"),
    "removed": marked("Removed"),
    "running": marked("Being compared"),
    "reconciled": marked("Compared"),
    "read": marked("Read"),
    "handled": marked("Handled"),
    "parked": marked("Acts in a moment"),
    "done": marked("Done"),
    "undone": marked("Taken back"),
}

STEPS: Mapping[str, str] = {
    "received": marked("Reported by Airbase"),
    "read": marked("Read in Airbase"),
    "review": marked("A person has to decide: %(codes)s"),
    "waiting": marked("Waits by itself: %(cause)s"),
    "intent": marked("About to be posted in Exact"),
    "posted": marked("Posted in Exact as %(number)s"),
    "adopted": marked("Found in Exact as %(number)s, after its answer was lost"),
    "adopted_by_hand": marked("Taken over: it was in Exact already as %(number)s"),
    "amendment": marked("About to be changed in Exact"),
    "amended": marked("Changed in Exact"),
    "not_amended": marked("Not changed in Exact"),
    "changed_in_exact": marked("Changed by somebody in Exact"),
    "exact_status": marked("Exact reports its progress"),
    "retry_asked": marked("Asked to be tried again"),
    "fetch_asked": marked("Asked to be fetched from Airbase"),
    "dismissed": marked("Dismissed: %(reason)s"),
    "deed_refused": marked("Asked for, and not done: %(why)s"),
    "assigned": marked("Assigned to %(to)s"),
    "decided": marked("Decided for this order: %(airbase)s is %(to)s"),
    "commented": marked("Comment: %(comment)s"),
    "asked": marked("Asked for"),
    "undone": marked("Taken back"),
    "went_on": marked("Done in part"),
    "done": marked("Done"),
    "unassigned": marked("No longer assigned"),
    "left_aside": marked("Stays set aside"),
    "served_elsewhere": marked("Not posted here: another system takes care of its subsidiary"),
    "taken_up": marked("Taken up here after all"),
    "not_sent": marked("Not sent: %(cause)s"),
    "refused_unclearly": marked("Exact refused it in words that are not known"),
    "failed": marked("Processing it failed"),
    "not_a_duplicate": marked("Said to be no duplicate"),
    "halted": marked("Stopped"),
    "lifted": marked("Goes on again"),
    "consent_asked": marked("A link for a consent in Exact was asked for"),
    "consent_brought": marked("A consent came back from Exact"),
    "consent_denied": marked("The consent was declined in Exact"),
    "consent_given": marked("Consent was given in Exact"),
    "fetched": marked("Fetched from Airbase"),
    "linked": marked("Linked to a supplier"),
    "unlinked": marked("No longer linked to its supplier"),
    "rejected": marked("Said to be another company than a supplier"),
    "proposed": marked("A supplier was proposed"),
    "unmatched": marked("No supplier was found"),
    "creating": marked("Its supplier is about to be created in Exact"),
    "doubted": marked("Its link is in doubt"),
    "mappings_changed": marked("Mappings were changed"),
    "reconciled": marked("The month %(month)s was reconciled"),
    "personal_data_removed": marked("Personal data was removed: %(why)s"),
    "console_access_set": marked("Access to the console was changed"),
}
"""What happened, by the step of the audit trail."""

ROLES: Mapping[str, str] = {
    "reader": marked("Reader"),
    "clerk": marked("Clerk"),
    "approver": marked("Approver"),
    "admin": marked("Administrator"),
}

HEADINGS: Mapping[str, str] = {
    "not_found": marked("Not found"),
    "role_needed": marked("Not yours to decide"),
    "no_access": marked("No access yet"),
    "signed_out_meanwhile": marked("You were signed out"),
    "another_site": marked("Not accepted"),
    "decided_meanwhile": marked("Decided meanwhile"),
    "bad_request": marked("Not understood"),
    "failed": marked("That did not work"),
}
"""Of the pages that only say something."""

SORT_WORDS: Mapping[str, str] = {
    "money": marked("holds up most"),
    "age": marked("is open longest"),
}
SORTS = (*SORT_WORDS,)
"""By what the inbox may be ordered; the first one unless somebody asks for another."""

DEEDS: Mapping[DeedName, str] = {
    "decide": marked("Decide"),
    "try": marked("Try it first"),
    "retry": marked("Try again now"),
    "dismiss": marked("Dismiss"),
    "not_duplicate": marked("It is another purchase: post it"),
    "adopt": marked("It is the same: take it over"),
    "assign": marked("Assign"),
    "snooze": marked("Snooze"),
    "comment": marked("Comment"),
}
"""What a person may ask for about a group."""

CHOICES: Mapping[str, str] = {
    "suppliers": marked("Which supplier it is in Exact"),
    "gl_accounts": marked("Which GL account it is in Exact"),
    "items": marked("Which item it is in Exact"),
    "cost_centres": marked("Which cost centre it is in Exact"),
    "cost_units": marked("Which cost unit it is in Exact"),
    "projects": marked("Which project it is in Exact"),
    "vat_codes": marked("Which VAT code it is in Exact"),
    "payment_conditions": marked("Which payment condition it is in Exact"),
}
"""What is chosen for a value, by kind of mapping."""

CANDIDATES: Mapping[str, str] = {
    "date": marked("Order date"),
    "reference": marked("Reference"),
    "amount": marked("Amount"),
    "number": marked("Number in Exact"),
    "code": marked("Account code"),
    "name": marked("Name"),
    "score": marked("Alike"),
    "supplier": marked("Supplier"),
    "description": marked("Description"),
}
"""What is told of each of the candidates for an exception."""

_HALTED = marked("nothing goes through there until it is repaired; orders wait and none is lost.")
_HOLDS_UP = marked("these orders stay out of Exact. They are checked again every day.")
_IN_EXACT = marked("what is in Exact stays as it is, and is compared again every day.")
_BY_KIND: Mapping[str, str] = {
    "order": _IN_EXACT,
    "vendor": marked("the vendor is not linked, and its orders wait."),
    "division": marked("orders go through with what was read before, which may be out of date."),
    "event": marked("this message is read again every hour, and nothing else waits for it."),
    "vendors": marked("vendors are compared again tomorrow."),
    "connection": marked("orders go through as before."),
}


def consequence(matter: Matter, *, holds_up: bool) -> str:
    """Return what happens if nobody decides, to be translated."""
    if matter.stops is not None:
        return _HALTED
    return _HOLDS_UP if holds_up else _BY_KIND.get(matter.kind, _IN_EXACT)


def state_in_words(texts: Texts, state: str) -> str:
    """Return a state in words."""
    return texts.say(STATES.get(state, state.replace("_", " ").capitalize()))


def step_in_words(texts: Texts, entry: Entry) -> str:
    """Return what happened in a step; "…" stands for what is not known of it."""
    text = STEPS.get(entry.step)
    if text is None:
        return entry.step.replace("_", " ").capitalize()
    unknown = dict.fromkeys(_FIELD.findall(text), "…")
    return texts.say(text, **{**unknown, **_values(texts, entry.detail)})


def _values(texts: Texts, detail: Mapping[str, Any]) -> dict[str, str]:
    """Return what a step's text may name."""
    flat = {name: value for name, value in detail.items() if isinstance(value, str | int)}
    exact = detail.get("exact")
    if isinstance(exact, dict) and exact.get("number"):
        flat["number"] = exact["number"]
    if isinstance(problems := detail.get("problems"), list):
        codes = (str(each.get("code", "")) for each in problems if isinstance(each, dict))
        flat["codes"] = ", ".join(texts.say(heading(each)) for each in dict.fromkeys(codes))
    if cause := detail.get("cause"):
        flat["cause"] = in_any_words(texts, str(cause))
    if why := detail.get("why"):
        flat["why"] = refusal_in_words(texts, str(why))
    if found := detail.get("month"):
        flat["month"] = month(str(found), texts.locale)
    return {name: str(value) for name, value in flat.items()}
