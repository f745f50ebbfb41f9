"""What differs between the two systems after an order was posted."""

from ml_connector.codes.explanation import Explanation

CHANGES: dict[str, Explanation] = {
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
