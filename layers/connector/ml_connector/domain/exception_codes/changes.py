"""The codes for differences between the two systems, once an order is in Exact."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

DIFFERENCE = "{field}: {expected}, in Exact {found}"
DIFFERENCE_IN_LINE = "{where}, {field}: {expected}, in Exact {found}"
NOTHING = "nothing"
"""Stands for an empty value in a difference."""

_DIFFERENCES = {
    "number": "Exact order {number}.",
    "differences": "Exact order {number}. {differences}.",
    "more": "Exact order {number}. {differences} and {count} more.",
}

CHANGES: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "POSSIBLE_DUPLICATE",
        Severity.EXCEPTION,
        "Exact already has an order of this supplier with the same reference or amount.",
        "If it is the same purchase, run `connector adopt {connection} {order} --exact-number "
        "{number}`; if it is another one, run `connector retry {connection} {order} "
        "--not-a-duplicate`.",
        {
            "numbers": "Exact order {numbers}.",
        },
    ),
    CatalogueEntry(
        "POSTED_AMOUNT_DIFFERS",
        Severity.EXCEPTION,
        "The total in Exact differs from the approved total.",
        "Compare the order's prices, discounts and VAT codes in Exact with Airbase.",
        {
            "amounts": "Approved {approved}, in Exact {posted} (order {number}).",
        },
    ),
    CatalogueEntry(
        "CHANGED_IN_EXACT",
        Severity.EXCEPTION,
        "The purchase order was changed in Exact and no longer matches the approval.",
        "Undo the change in Exact, or make the same change in Airbase; the exception then "
        "closes by itself.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "CHANGED_IN_BOTH",
        Severity.EXCEPTION,
        "The order was changed in Airbase and also in Exact; nothing was overwritten.",
        "Change the order in Exact to match Airbase, field by field; the exception then "
        "closes by itself.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "CHANGED_AFTER_RECEIPT",
        Severity.EXCEPTION,
        "The order was changed in Airbase after goods or an invoice were booked in Exact; "
        "nothing was overwritten.",
        "Settle the difference in Exact by hand, or undo the change in Airbase.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "CHANGE_NOT_TAKEN",
        Severity.EXCEPTION,
        "Exact accepted the change of the order but did not apply it.",
        "Make the change in Exact by hand; the exception then closes by itself.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "DIVISION_CHANGED",
        Severity.EXCEPTION,
        "The order was moved to a subsidiary of another division after it was posted.",
        "Delete the order in Exact, then retry it: it is then posted in the other division.",
        {
            "divisions": "It was {before}, now {now}.",
        },
    ),
    CatalogueEntry(
        "DIVISION_TAKEN_OUT",
        Severity.EXCEPTION,
        "The order is, or may be, in Exact in division {division}, which the connection's file "
        "names no more.",
        "Name the division in the file again, with `subsidiaries = []` if it serves none any "
        "more: then its orders are followed, and no new ones posted there.",
    ),
    CatalogueEntry(
        "CANCELLED_AFTER_POSTING",
        Severity.EXCEPTION,
        "The order was cancelled in Airbase after it was posted.",
        "Delete or cancel it in Exact too, or set `when_cancelled` to delete; the exception "
        "then closes by itself.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "CANCELLED_AFTER_RECEIPT",
        Severity.EXCEPTION,
        "The order was cancelled in Airbase after goods or an invoice were booked in Exact.",
        "Settle it with the supplier, then close the order in Exact by hand.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "CLOSED_AFTER_POSTING",
        Severity.EXCEPTION,
        "The order was closed in Airbase but is still open in Exact.",
        "Complete, cancel or delete it in Exact; the exception then closes by itself.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "ENDED_AFTER_POSTING",
        Severity.EXCEPTION,
        "The order was denied or archived in Airbase after it was posted.",
        "Decide whether the purchase still stands; if not, delete the order in Exact.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "CANCELLED_IN_EXACT",
        Severity.EXCEPTION,
        "The purchase order was cancelled in Exact.",
        "Cancel it in Airbase too, or reopen it in Exact.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "DELETED_IN_EXACT",
        Severity.EXCEPTION,
        "The purchase order was deleted in Exact.",
        "Cancel it in Airbase too, or retry the order to have it posted again.",
        _DIFFERENCES,
    ),
    CatalogueEntry(
        "EXACT_SHOWS_NOTHING",
        Severity.EXCEPTION,
        "Exact shows no purchase orders in this division, so the state of this one is unknown.",
        "Check the rights of the Exact user who gave consent, then retry the order.",
    ),
)
