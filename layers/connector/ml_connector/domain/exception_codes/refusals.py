"""The codes of Exact's refusals, of missing webhook subscriptions and of what a ping finds."""

from ml_connector.domain.exception_codes.explanation import Explanation

REFUSALS: dict[str, Explanation] = {
    "EXACT_ALREADY_EXISTS": Explanation(
        "This record already exists in Exact.",
        "Find it in Exact; change or remove one of the two.",
    ),
    "EXACT_MANDATORY": Explanation(
        "A value that Exact requires is missing.",
        "Fill it in in Airbase or map it, then retry the order.",
    ),
    "EXACT_INVALID_REFERENCE": Explanation(
        "A code or key does not exist in this division.",
        "Correct the mapping to a record of this division, then retry the order.",
    ),
    "EXACT_INVALID": Explanation(
        "Exact considers a value invalid.",
        "Correct the value that is named, then retry the order.",
    ),
    "EXACT_NO_PURCHASE_PRICE": Explanation(
        "The item has no purchase price with this supplier.",
        "Add the supplier and a purchase price to the item in Exact, then retry the order.",
    ),
    "EXACT_NOT_A_PURCHASE_ITEM": Explanation(
        "The item is not marked as a purchase item.",
        "Mark it as one in Exact, or map the GL account to another item, then retry the order.",
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
        "Link them in Exact, or let the connection create such links, then retry the order.",
    ),
    "EXACT_VAT_CODE_BLOCKED": Explanation(
        "The VAT code is blocked.",
        "Unblock it or map another VAT code, then retry the order.",
    ),
    "EXACT_INACTIVE": Explanation(
        "A record that the order uses is not active in Exact.",
        "Activate it or map another one, then retry the order.",
    ),
    "EXACT_BLOCKED": Explanation(
        "A record that the order uses is blocked in Exact.",
        "Unblock it or map another one, then retry the order.",
    ),
    "EXACT_NOT_FOUND": Explanation(
        "Exact does not have the record or the address.",
        "Check whether it was removed in Exact; refresh the reference data, then retry.",
    ),
    "EXACT_FILTER_REQUIRED": Explanation(
        "Exact requires a filter or a field list for this request.",
        "Report it: the connector's request has to be changed.",
    ),
    "EXACT_BAD_REQUEST": Explanation(
        "Exact could not read what was sent.",
        "Check the values that are named; if they are right, report it with the evidence.",
    ),
    "EXACT_CALLBACK_FAILED": Explanation(
        "Exact could not reach the webhook address of this connection.",
        "Check that the address is public, uses https and answers; "
        "the next run of token_refresh subscribes again.",
    ),
    "EXACT_REFUSED": Explanation(
        "Exact refused the call for a reason that the connector does not know.",
        "Read Exact's own words, repair what they name, then retry.",
    ),
    "EXACT_ODD_ANSWER": Explanation(
        "Exact's answer refers to another site or to itself in a circle.",
        "Check the connection's base URL; if it is right, report it with the evidence.",
    ),
    "WEBHOOK_ELSEWHERE": Explanation(
        "Exact sends these notifications to another address.",
        "If nothing else needs them there, run `connector webhooks <connection> --move`.",
    ),
    "WEBHOOK_NOT_SUBSCRIBED": Explanation(
        "A webhook subscription could not be created.",
        "Give the app the scope Organization administration: Manage; "
        "until then the sweep finds changes.",
    ),
    "WEBHOOK_MISSING": Explanation(
        "Exact has no subscription for these notifications.",
        "The next run of token_refresh creates it; until then the sweep finds changes.",
    ),
    "EXACT_NO_PURCHASE_ORDERS": Explanation(
        "The app cannot see purchase orders in this division.",
        "Check that the Exact licence has purchase orders (accounting alone has none), "
        "and that the user who consented may use them.",
    ),
    "CLOCK_DIFFERS": Explanation(
        "The clock of this machine and the clock of the other system differ.",
        "Set this machine's clock by a time server; if it is right, report it to the other side.",
    ),
    "CONSENT_AGEING": Explanation(
        "The consent has not been renewed for weeks; it expires after 30 days.",
        "Check the token_refresh function: its schedule should renew the consent daily.",
    ),
}
