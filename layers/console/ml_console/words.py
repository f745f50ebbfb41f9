"""States and steps of records, in words."""

import re
from collections.abc import Mapping
from typing import Any

from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.open_groups import Matter
from ml_connector.message_bodies import DeedName
from ml_console.formats import heading
from ml_console.texts import Texts

_FIELD = re.compile(r"%\((\w+)\)s")


def _marked(text: str) -> str:
    """Return the text; Babel finds it here, and it is translated where it is shown."""
    return text


STATES: Mapping[str, str] = {
    "new": _marked("New"),
    "received": _marked("On its way"),
    "review": _marked("Waits for a decision"),
    "set_aside": _marked("Set aside"),
    "posting": _marked("Being posted"),
    "posted": _marked("In Exact"),
    "amending": _marked("Being changed in Exact"),
    "awaiting_approval": _marked("Waits for approval in Airbase"),
    "not_an_order": _marked("Not a purchase order"),
    "denied": _marked("Denied in Airbase"),
    "archived": _marked("Archived in Airbase"),
    "cancelled": _marked("Cancelled in Airbase"),
    "closed": _marked("Closed in Airbase"),
    "served_elsewhere": _marked("Served elsewhere"),
    "proposed": _marked("A supplier is proposed"),
    "linked": _marked("Linked"),
    "unmatched": _marked("No supplier found"),
    "active": _marked("Works"),
    "halted": _marked("Stopped"),
    "removed": _marked("Removed"),
    "running": _marked("Being compared"),
    "reconciled": _marked("Compared"),
    "read": _marked("Read"),
    "handled": _marked("Handled"),
    "parked": _marked("Acts in a moment"),
    "done": _marked("Done"),
    "undone": _marked("Taken back"),
}

STEPS: Mapping[str, str] = {
    "received": _marked("Reported by Airbase"),
    "read": _marked("Read in Airbase"),
    "review": _marked("A person has to decide: %(codes)s"),
    "waiting": _marked("Waits by itself: %(cause)s"),
    "intent": _marked("About to be posted in Exact"),
    "posted": _marked("Posted in Exact as %(number)s"),
    "adopted": _marked("Found in Exact as %(number)s, after its answer was lost"),
    "adopted_by_hand": _marked("Taken over: it was in Exact already as %(number)s"),
    "amendment": _marked("About to be changed in Exact"),
    "amended": _marked("Changed in Exact"),
    "not_amended": _marked("Not changed in Exact"),
    "changed_in_exact": _marked("Changed by somebody in Exact"),
    "exact_status": _marked("Exact reports its progress"),
    "retry_asked": _marked("Asked to be tried again"),
    "fetch_asked": _marked("Asked to be fetched from Airbase"),
    "dismissed": _marked("Dismissed: %(reason)s"),
    "deed_refused": _marked("Asked for, and not done: %(why)s"),
    "assigned": _marked("Assigned to %(to)s"),
    "decided": _marked("Decided for this order: %(airbase)s is %(to)s"),
    "commented": _marked("Comment: %(comment)s"),
    "asked": _marked("Asked for"),
    "undone": _marked("Taken back"),
    "went_on": _marked("Done in part"),
    "done": _marked("Done"),
    "unassigned": _marked("No longer assigned"),
    "left_aside": _marked("Stays set aside"),
    "served_elsewhere": _marked("Not posted here: another system takes care of its subsidiary"),
    "taken_up": _marked("Taken up here after all"),
    "not_sent": _marked("Not sent: %(cause)s"),
    "refused_unclearly": _marked("Exact refused it in words that are not known"),
    "failed": _marked("Processing it failed"),
    "not_a_duplicate": _marked("Said to be no duplicate"),
    "halted": _marked("Stopped"),
    "lifted": _marked("Goes on again"),
    "consent_given": _marked("Consent was given in Exact"),
    "fetched": _marked("Fetched from Airbase"),
    "linked": _marked("Linked to a supplier"),
    "unlinked": _marked("No longer linked to its supplier"),
    "rejected": _marked("Said to be another company than a supplier"),
    "proposed": _marked("A supplier was proposed"),
    "unmatched": _marked("No supplier was found"),
    "creating": _marked("Its supplier is about to be created in Exact"),
    "doubted": _marked("Its link is in doubt"),
    "mappings_changed": _marked("Mappings were changed"),
    "reconciled": _marked("The month %(month)s was reconciled"),
    "console_access_set": _marked("Access to the console was changed"),
}
"""What happened, by the step of the audit trail."""

ROLES: Mapping[str, str] = {
    "reader": _marked("Reader"),
    "clerk": _marked("Clerk"),
    "approver": _marked("Approver"),
    "admin": _marked("Administrator"),
}

HEADINGS: Mapping[str, str] = {
    "not_found": _marked("Not found"),
    "role_needed": _marked("Not yours to decide"),
    "no_access": _marked("No access yet"),
    "signed_out_meanwhile": _marked("You were signed out"),
    "another_site": _marked("Not accepted"),
    "reason_needed": _marked("A reason is needed"),
    "choice_needed": _marked("Nothing was chosen"),
    "decided_meanwhile": _marked("Decided meanwhile"),
    "bad_request": _marked("Not understood"),
    "failed": _marked("That did not work"),
}
"""Of the pages that only say something."""

SORT_WORDS: Mapping[str, str] = {
    "money": _marked("holds up most"),
    "age": _marked("is open longest"),
}
SORTS = (*SORT_WORDS,)
"""By what the inbox may be ordered; the first one unless somebody asks for another."""

DEEDS: Mapping[DeedName, str] = {
    "decide": _marked("Decide"),
    "try": _marked("Try it first"),
    "retry": _marked("Try again now"),
    "dismiss": _marked("Dismiss"),
    "not_duplicate": _marked("It is another purchase: post it"),
    "adopt": _marked("It is the same: take it over"),
    "assign": _marked("Assign"),
    "snooze": _marked("Snooze"),
    "comment": _marked("Comment"),
}
"""What a person may ask for about a group."""

_HALTED = _marked("nothing goes through there until it is repaired; orders wait and none is lost.")
_HOLDS_UP = _marked("these orders stay out of Exact. They are checked again every day.")
_IN_EXACT = _marked("what is in Exact stays as it is, and is compared again every day.")
_BY_KIND: Mapping[str, str] = {
    "order": _IN_EXACT,
    "vendor": _marked("the vendor is not linked, and its orders wait."),
    "division": _marked("orders go through with what was read before, which may be out of date."),
    "event": _marked("this message is read again every hour, and nothing else waits for it."),
    "vendors": _marked("vendors are compared again tomorrow."),
    "connection": _marked("orders go through as before."),
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
    return texts.say(text, **{**unknown, **_values(entry.detail)})


def _values(detail: Mapping[str, Any]) -> dict[str, str]:
    """Return what a step's text may name."""
    flat = {name: value for name, value in detail.items() if isinstance(value, str | int)}
    exact = detail.get("exact")
    if isinstance(exact, dict) and exact.get("number"):
        flat["number"] = exact["number"]
    if isinstance(problems := detail.get("problems"), list):
        codes = (str(each.get("code", "")) for each in problems if isinstance(each, dict))
        flat["codes"] = ", ".join(dict.fromkeys(map(heading, codes)))
    return {name: str(value) for name, value in flat.items()}
