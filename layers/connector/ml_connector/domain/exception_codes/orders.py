"""The codes of what prevents an order from being posted."""

from ml_connector.domain.exception_codes.explanation import Explanation

_CORRECT = "Correct the order in Airbase, or the field map of the connection's profile."

ORDERS: dict[str, Explanation] = {
    "BAD_FIELD": Explanation("A field of the order has an invalid value.", _CORRECT),
    "MISSING_FIELD": Explanation("A field of the order is missing.", _CORRECT),
    "BAD_AMOUNT": Explanation("An amount cannot be used.", "Correct the amount in Airbase."),
    "UNKNOWN_STATE": Explanation(
        "Airbase uses a word for a state that the profile does not have.",
        "Add the word to state_words of the connection's profile.",
    ),
    "UNKNOWN_OUTCOME": Explanation(
        "Airbase uses a word for an outcome that the profile does not have.",
        "Add the word to outcome_words of the connection's profile.",
    ),
    "NOT_IN_AIRBASE": Explanation(
        "Airbase does not have this record.",
        "Check that it still exists and that the profile's paths are right.",
    ),
    "AIRBASE_REFUSED": Explanation(
        "Airbase refused the request.",
        "Check the profile's paths and the rights of the API key.",
    ),
    "NOT_THE_ORDER": Explanation(
        "Airbase returned a different order from the one requested.",
        "Check order_path and the field map of the connection's profile.",
    ),
    "UNREADABLE_EVENT": Explanation(
        "A webhook arrived that names no order.",
        "Check event_order_id of the connection's profile, then look up the order in Airbase.",
    ),
    "UNKNOWN_TOPIC": Explanation(
        "Exact sent a notification of an unknown kind.",
        "Remove the subscription in Exact, or report the topic.",
    ),
    "CONNECTION_GONE": Explanation(
        "The connection of this record was removed.",
        "Add the connection again, or enter the order in Exact by hand.",
    ),
    "SEVERAL_IN_EXACT": Explanation(
        "Exact has more than one purchase order for this approval.",
        "Keep one of them in Exact and delete the others, then retry the order.",
    ),
    "CARRIER_TAKEN": Explanation(
        "The item code that the connector would create is used for another GL account.",
        "Rename that item in Exact, or map the GL account to an item of your own.",
    ),
    "UNIT_UNKNOWN": Explanation(
        "The division does not have the unit for items and supplier links.",
        "Set item_unit of the division to a unit code that the division has in Exact.",
    ),
    "LISTED_ROW_UNREADABLE": Explanation(
        "Airbase's list of orders has rows that cannot be read.",
        "Compare the profile's orders_path, order.id and orders_compared with Airbase's answer.",
    ),
    "LISTING_REFUSED": Explanation(
        "Airbase does not return the list of orders, so missed approvals are not found.",
        "Correct orders_path and orders_query of the profile; if the tenant has no list, "
        "leave orders_path empty.",
    ),
}
