"""Every code that an exception or a delay can carry, with its cause and its remedy.

docs/exceptions.md lists them for people; a test holds the two together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_connector.faults import Problem


@dataclass(frozen=True)
class Explanation:
    """What happened, and what the person who reads it should do."""

    cause: str
    remedy: str


_WAITS = "Nothing to do: it is tried again by itself."
_RECONNECT = (
    "Reconnect: run `connector connection consent <connection>` and give consent again in Exact."
)

DELAYS: dict[str, Explanation] = {
    "EXACT_MINUTE_LIMIT": Explanation("The division's calls for this minute are used up.", _WAITS),
    "EXACT_DAY_LIMIT": Explanation(
        "The division's calls for today are used up; they return at 00:00 UTC.",
        "Nothing to do. If it happens daily, ask Exact for a higher limit.",
    ),
    "EXACT_RATE_LIMITED": Explanation(
        "Exact refused a call for its rate and did not say until when.", _WAITS
    ),
    "EXACT_ERROR_LIMIT": Explanation(
        "Six calls to one endpoint failed within an hour; Exact blocks the key after ten.",
        "Resolve the open exceptions of this division; calls go on when the hour is over.",
    ),
    "EXACT_UNAVAILABLE": Explanation("Exact answered with a passing fault.", _WAITS),
    "EXACT_UNREACHABLE": Explanation("Exact could not be reached; nothing was sent.", _WAITS),
    "EXACT_NO_ANSWER": Explanation(
        "The connection broke or timed out before Exact answered.",
        "Nothing to do: what was sent is looked for before it is sent again.",
    ),
    "EXACT_UNREADABLE": Explanation(
        "Exact answered with something that cannot be read.",
        "Nothing to do: what was sent is looked for before it is sent again.",
    ),
    "EXACT_UNAUTHORIZED": Explanation(
        "Exact refused a young access token; it cannot be renewed yet.", _WAITS
    ),
    "TOKEN_BUSY": Explanation("Another process is renewing the access token.", _WAITS),
    "TOKEN_TOO_EARLY": Explanation(
        "Exact says that an access token is still valid, but it is not the one kept here.",
        _WAITS,
    ),
    "TOKEN_CALLS_SPENT": Explanation(
        "Today's calls to Exact's token endpoint are used up (200 a day).",
        "Nothing to do. If it returns, look for another program that uses this app's consent.",
    ),
    "TOKEN_UNAVAILABLE": Explanation("Exact's token endpoint did not answer usefully.", _WAITS),
}

DELAYS |= {
    "AIRBASE_BUSY": Explanation("Airbase asked to slow down.", _WAITS),
    "AIRBASE_UNREACHABLE": Explanation("Airbase did not answer.", _WAITS),
    "AIRBASE_UNAVAILABLE": Explanation("Airbase answered with a passing fault.", _WAITS),
    "AIRBASE_UNREADABLE": Explanation("Airbase's answer cannot be read.", _WAITS),
    "OUTCOME_UNKNOWN": Explanation(
        "The order was sent, and whether Exact kept it is not known yet.",
        "Nothing to do: it is looked for in Exact before anything is sent again.",
    ),
    "REFERENCE_DATA_OLD": Explanation(
        "The division's reference data are being read from Exact.", _WAITS
    ),
    "PROVISION_BUSY": Explanation(
        "Another order is making the same item or supplier link in Exact.", _WAITS
    ),
    "HALTED": Explanation(
        "The connection, or this division of it, is stopped by another exception.",
        "Resolve the exception of the connection; its orders then go on by themselves.",
    ),
}

HALTS: dict[str, Explanation] = {
    "AIRBASE_KEY_REFUSED": Explanation(
        "Airbase refuses the API key.",
        "Make a new key in Airbase and store it with `connector connection add`.",
    ),
    "RECONNECT_NEEDED": Explanation(
        "Exact no longer accepts this connection's refresh token.", _RECONNECT
    ),
    "NOT_CONNECTED": Explanation("This connection has no consent from Exact yet.", _RECONNECT),
    "APP_CREDENTIALS_MISSING": Explanation(
        "The Exact client id and secret of this connection are not stored.",
        "Add them with `connector connection add <file>`, "
        "then run `connector connection consent <connection>`.",
    ),
    "APP_CREDENTIALS_REFUSED": Explanation(
        "Exact does not know this client id and secret.",
        "Check them in Exact's App Center (they belong to one country site) and store them again.",
    ),
    "AIRBASE_KEY_MISSING": Explanation(
        "The Airbase API key of this connection is not stored.",
        "Add it with `connector connection add <file>`.",
    ),
    "SECRET_UNREADABLE": Explanation(
        "A stored secret of this connection cannot be opened.",
        "Store it again: credentials with `connector connection add`, "
        "tokens with `connector connection consent`.",
    ),
    "EXACT_TOKEN_REFUSED": Explanation(
        "Exact refused to renew the token for a reason that is not known here.",
        _RECONNECT,
    ),
    "EXACT_DIVISION_NOT_ALLOWED": Explanation(
        "The consent does not cover this division.",
        "In Exact, add the division to the app's divisions or give the user access to it, "
        "then run `connector connection consent <connection>`.",
    ),
    "EXACT_DIVISION_BLOCKED": Explanation(
        "The division is blocked in Exact.",
        "Ask the Exact administrator to unblock it.",
    ),
    "EXACT_SCOPE_MISSING": Explanation(
        "The app lacks a permission (scope) that this call needs.",
        "Add the scope to the app in Exact's App Center and give consent again.",
    ),
    "EXACT_LICENCE": Explanation(
        "The Exact licence has expired or lacks the module for this call.",
        "Ask the Exact administrator to renew or extend the licence.",
    ),
    "EXACT_USER_BLOCKED": Explanation(
        "The Exact user who gave consent is blocked or inactive.",
        "Unblock the user, or run `connector connection consent <connection>` as another one.",
    ),
    "EXACT_CUSTOMER_BLOCKED": Explanation(
        "Exact has blocked the customer's account.", "Settle it with Exact."
    ),
    "EXACT_FORBIDDEN": Explanation(
        "Exact forbids this call in this division.",
        "Give the user who consented the right to it, and check the licence for the module.",
    ),
}

REFUSALS: dict[str, Explanation] = {
    "EXACT_ALREADY_EXISTS": Explanation(
        "Exact already holds this record.",
        "Look it up in Exact; change or remove one of the two.",
    ),
    "EXACT_MANDATORY": Explanation(
        "Exact misses a mandatory value.",
        "Fill it in Airbase or map it, then retry the order.",
    ),
    "EXACT_INVALID_REFERENCE": Explanation(
        "A code or key does not exist in this division.",
        "Correct the mapping to a record of this division, then retry the order.",
    ),
    "EXACT_INVALID": Explanation(
        "Exact calls a value invalid.", "Correct the value named, then retry the order."
    ),
    "EXACT_NO_PURCHASE_PRICE": Explanation(
        "The item has no purchase price with this supplier.",
        "Add the supplier and a purchase price to the item in Exact, then retry the order.",
    ),
    "EXACT_NOT_A_PURCHASE_ITEM": Explanation(
        "The item is not marked as a purchase item.",
        "Mark it so in Exact, or map the GL account to another item, then retry the order.",
    ),
    "EXACT_ITEM_INACTIVE": Explanation(
        "The item is not active.",
        "Activate it in Exact or map another item, then retry the order.",
    ),
    "EXACT_ITEM_FUTURE": Explanation(
        "The item is active only from a later date.",
        "Set an earlier start date in Exact or map another item, then retry the order.",
    ),
    "EXACT_ITEM_NOT_IN_WAREHOUSE": Explanation(
        "The item is not linked to the warehouse.",
        "Link them in Exact or set another warehouse, then retry the order.",
    ),
    "EXACT_ITEM_NOT_WITH_SUPPLIER": Explanation(
        "The item is not linked to the supplier.",
        "Link them in Exact, or let the connection make links itself, then retry the order.",
    ),
    "EXACT_VAT_CODE_BLOCKED": Explanation(
        "The VAT code is blocked.",
        "Unblock it or map another VAT code, then retry the order.",
    ),
    "EXACT_INACTIVE": Explanation(
        "A record that is used is not active in Exact.",
        "Activate it or map another one, then retry the order.",
    ),
    "EXACT_BLOCKED": Explanation(
        "A record that is used is blocked in Exact.",
        "Unblock it or map another one, then retry the order.",
    ),
    "EXACT_NOT_FOUND": Explanation(
        "Exact does not hold the record or knows no such address.",
        "See whether it was removed in Exact; refresh the reference data, then retry.",
    ),
    "EXACT_FILTER_REQUIRED": Explanation(
        "Exact demands a filter or a field list for this question.",
        "Report it: the question that is sent has to be changed.",
    ),
    "EXACT_BAD_REQUEST": Explanation(
        "Exact could not read what was sent.",
        "Check the values named; if they are right, report it with the evidence.",
    ),
    "EXACT_CALLBACK_FAILED": Explanation(
        "Exact could not reach the webhook address of this connection.",
        "Check that the address is public, https, and answers; the next run subscribes again.",
    ),
    "EXACT_REFUSED": Explanation(
        "Exact refused the call for a reason that is not in the table.",
        "Read Exact's own words, repair what they name, then retry.",
    ),
    "EXACT_ODD_ANSWER": Explanation(
        "Exact's answer points outside its own site or in a circle.",
        "Check the connection's base URL; report it with the evidence.",
    ),
    "WEBHOOK_ELSEWHERE": Explanation(
        "Exact sends these notifications to another address.",
        "Remove that subscription in Exact if it is not yours to keep; "
        "the next run makes a new one.",
    ),
    "WEBHOOK_NOT_SUBSCRIBED": Explanation(
        "A webhook subscription could not be made.",
        "Give the app the scope Organization administration: Manage; the sweep works meanwhile.",
    ),
}

_CORRECT = "Correct the order in Airbase, or the field map of the connection's profile."

ORDERS: dict[str, Explanation] = {
    "BAD_FIELD": Explanation("A field of the order is not what it should be.", _CORRECT),
    "MISSING_FIELD": Explanation("A field of the order is missing.", _CORRECT),
    "BAD_AMOUNT": Explanation("An amount cannot be used.", "Correct the amount in Airbase."),
    "UNKNOWN_STATE": Explanation(
        "Airbase uses a state word that has no meaning here.",
        "Add the word to state_words of the connection's profile.",
    ),
    "UNKNOWN_OUTCOME": Explanation(
        "Airbase uses an outcome word that has no meaning here.",
        "Add the word to outcome_words of the connection's profile.",
    ),
    "NOT_IN_AIRBASE": Explanation(
        "Airbase does not have this record.",
        "Check that it still exists and that the profile's paths are right.",
    ),
    "AIRBASE_REFUSED": Explanation(
        "Airbase refused the question.",
        "Check the profile's paths and the rights of the key.",
    ),
    "NOT_THE_ORDER": Explanation(
        "Airbase answered with another order than the one asked for.",
        "Check order_path and the field map of the connection's profile.",
    ),
    "VENDOR_INACTIVE": Explanation(
        "The vendor is not active in Airbase.",
        "Activate the vendor in Airbase, or cancel the order.",
    ),
    "LINK_BROKEN": Explanation(
        "The supplier that the vendor is linked to is gone, blocked or no supplier any more.",
        "Link the vendor to another supplier, or repair the supplier in Exact.",
    ),
    "UNREADABLE_EVENT": Explanation(
        "A webhook arrived in which no order could be found.",
        "Check event_order_id of the connection's profile, then look the order up in Airbase.",
    ),
    "UNKNOWN_TOPIC": Explanation(
        "Exact sent a notification of a kind that has no meaning here.",
        "Remove the subscription in Exact, or report the topic.",
    ),
    "CONNECTION_GONE": Explanation(
        "The connection of this record was removed.",
        "Add the connection again, or enter the order in Exact by hand.",
    ),
    "SEVERAL_IN_EXACT": Explanation(
        "Exact holds more than one purchase order for this approval.",
        "Keep one of them in Exact and delete the others, then retry the order.",
    ),
    "CARRIER_TAKEN": Explanation(
        "The item code this connector would make is used for another GL account.",
        "Rename that item in Exact, or map the GL account to an item of your own.",
    ),
    "UNIT_UNKNOWN": Explanation(
        "The unit for items and supplier links is not in the division.",
        "Set item_unit of the division to a unit code that Exact knows there.",
    ),
    "POSTED_AMOUNT_DIFFERS": Explanation(
        "Exact's total is not the approved one.",
        "Compare the order's prices, discounts and VAT codes in Exact with Airbase.",
    ),
    "CHANGED_AFTER_POSTING": Explanation(
        "The order changed in Airbase after it was posted.",
        "Make the same change to the purchase order in Exact.",
    ),
    "DELETED_IN_EXACT": Explanation(
        "The purchase order was deleted in Exact.",
        "Cancel it in Airbase too, or enter it in Exact again.",
    ),
}

EXPLANATIONS: dict[str, Explanation] = {**DELAYS, **HALTS, **REFUSALS, **ORDERS}


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
