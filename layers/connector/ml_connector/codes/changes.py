"""What differs between the two systems after an order was posted, or looks as if it will."""

from ml_connector.codes.explanation import Explanation

_BY_ITSELF = "the exception closes by itself."

CHANGES: dict[str, Explanation] = {
    "POSSIBLE_DUPLICATE": Explanation(
        "Exact already holds an order of this supplier with the same reference or amount.",
        "If it is the same purchase, run `connector adopt`; "
        "if it is another one, run `connector retry --not-a-duplicate`.",
    ),
    "POSTED_AMOUNT_DIFFERS": Explanation(
        "Exact's total is not the approved one.",
        "Compare the order's prices, discounts and VAT codes in Exact with Airbase.",
    ),
    "CHANGED_IN_EXACT": Explanation(
        "The purchase order was changed in Exact and is no longer what was approved.",
        "Undo the change in Exact, or make the same change in Airbase: either way " + _BY_ITSELF,
    ),
    "CHANGED_IN_BOTH": Explanation(
        "The order changed in Airbase, and somebody has changed it in Exact too: "
        "nothing was overwritten.",
        "Bring the order in Exact to what Airbase says, field by field; " + _BY_ITSELF,
    ),
    "CHANGED_AFTER_RECEIPT": Explanation(
        "The order changed in Airbase after goods or an invoice were booked in Exact: "
        "nothing was overwritten.",
        "Settle the difference in Exact by hand, or take the change back in Airbase.",
    ),
    "CHANGE_NOT_TAKEN": Explanation(
        "Exact took the change of the order without following it.",
        "Make the change in Exact by hand; " + _BY_ITSELF,
    ),
    "DIVISION_CHANGED": Explanation(
        "The order moved to a subsidiary of another division after it was posted.",
        "Delete the order in Exact, then retry it: it is posted in the other division.",
    ),
    "CANCELLED_AFTER_POSTING": Explanation(
        "The order was cancelled in Airbase after it was posted.",
        "Delete or cancel it in Exact too, or set `when_cancelled` to delete; " + _BY_ITSELF,
    ),
    "CANCELLED_AFTER_RECEIPT": Explanation(
        "The order was cancelled in Airbase after goods or an invoice were booked in Exact.",
        "Settle it with the supplier, then close the order in Exact by hand.",
    ),
    "CLOSED_AFTER_POSTING": Explanation(
        "The order was closed in Airbase and is still open in Exact.",
        "Complete, cancel or delete it in Exact; " + _BY_ITSELF,
    ),
    "ENDED_AFTER_POSTING": Explanation(
        "The order was denied or archived in Airbase after it was posted.",
        "Decide whether the purchase stands; if not, delete the order in Exact.",
    ),
    "CANCELLED_IN_EXACT": Explanation(
        "The purchase order was cancelled in Exact.",
        "Cancel it in Airbase too, or reopen it in Exact.",
    ),
    "DELETED_IN_EXACT": Explanation(
        "The purchase order was deleted in Exact.",
        "Cancel it in Airbase too, or retry the order to have it posted again.",
    ),
    "EXACT_SHOWS_NOTHING": Explanation(
        "Exact shows no purchase order at all in this division, so nothing is known of this one.",
        "Check the rights of the user who gave consent, then retry the order.",
    ),
}
