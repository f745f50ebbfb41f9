"""What keeps an order from being posted."""

from ml_connector.codes.explanation import Explanation

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
    "LISTED_ROW_UNREADABLE": Explanation(
        "Airbase's listing has rows that cannot be read.",
        "Compare the profile's orders_path, order.id and orders_compared with what it answers.",
    ),
    "LISTING_REFUSED": Explanation(
        "Airbase does not give the list of orders, so missed approvals are not found.",
        "Correct orders_path and orders_query of the profile; where there is no listing, "
        "leave orders_path empty.",
    ),
}
