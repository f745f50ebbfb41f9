"""The codes for differences between the two systems, once an order is in Exact."""

from ml_connector.domain.exception_codes.explanation import Explanation

_CLOSES = "the exception then closes by itself."

CHANGES: dict[str, Explanation] = {
    "POSSIBLE_DUPLICATE": Explanation(
        "Exact already has an order of this supplier with the same reference or amount.",
        "If it is the same purchase, run `connector adopt`; "
        "if it is another one, run `connector retry --not-a-duplicate`.",
    ),
    "POSTED_AMOUNT_DIFFERS": Explanation(
        "The total in Exact differs from the approved total.",
        "Compare the order's prices, discounts and VAT codes in Exact with Airbase.",
    ),
    "CHANGED_IN_EXACT": Explanation(
        "The purchase order was changed in Exact and no longer matches the approval.",
        "Undo the change in Exact, or make the same change in Airbase; " + _CLOSES,
    ),
    "CHANGED_IN_BOTH": Explanation(
        "The order was changed in Airbase and also in Exact; nothing was overwritten.",
        "Change the order in Exact to match Airbase, field by field; " + _CLOSES,
    ),
    "CHANGED_AFTER_RECEIPT": Explanation(
        "The order was changed in Airbase after goods or an invoice were booked in Exact; "
        "nothing was overwritten.",
        "Settle the difference in Exact by hand, or undo the change in Airbase.",
    ),
    "CHANGE_NOT_TAKEN": Explanation(
        "Exact accepted the change of the order but did not apply it.",
        "Make the change in Exact by hand; " + _CLOSES,
    ),
    "DIVISION_CHANGED": Explanation(
        "The order was moved to a subsidiary of another division after it was posted.",
        "Delete the order in Exact, then retry it: it is then posted in the other division.",
    ),
    "CANCELLED_AFTER_POSTING": Explanation(
        "The order was cancelled in Airbase after it was posted.",
        "Delete or cancel it in Exact too, or set `when_cancelled` to delete; " + _CLOSES,
    ),
    "CANCELLED_AFTER_RECEIPT": Explanation(
        "The order was cancelled in Airbase after goods or an invoice were booked in Exact.",
        "Settle it with the supplier, then close the order in Exact by hand.",
    ),
    "CLOSED_AFTER_POSTING": Explanation(
        "The order was closed in Airbase but is still open in Exact.",
        "Complete, cancel or delete it in Exact; " + _CLOSES,
    ),
    "ENDED_AFTER_POSTING": Explanation(
        "The order was denied or archived in Airbase after it was posted.",
        "Decide whether the purchase still stands; if not, delete the order in Exact.",
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
        "Exact shows no purchase orders in this division, so the state of this one is unknown.",
        "Check the rights of the Exact user who gave consent, then retry the order.",
    ),
}
