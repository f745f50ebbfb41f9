"""What is wrong with a vendor, or with its link to a supplier."""

from ml_connector.codes.explanation import Explanation

VENDORS: dict[str, Explanation] = {
    "VENDOR_INACTIVE": Explanation(
        "The vendor is not active in Airbase.",
        "Activate the vendor in Airbase, or cancel the order.",
    ),
    "LINK_BROKEN": Explanation(
        "The supplier that the vendor is linked to is gone, blocked or no supplier any more.",
        "Link the vendor to another supplier, or repair the supplier in Exact.",
    ),
    "VENDOR_UNKNOWN": Explanation(
        "No vendor of this id has been read from Airbase.",
        "Check the id; a vendor made just now is known after the next reading of the vendors.",
    ),
    "DIVISION_UNKNOWN": Explanation(
        "The connection has no such division.",
        "Name one of its divisions, or add the division to the connection file.",
    ),
    "SUPPLIER_UNKNOWN": Explanation(
        "The division has no such supplier.",
        "Check the account code or id; a supplier made just now is known after a refresh.",
    ),
    "SUPPLIER_UNUSABLE": Explanation(
        "The supplier is blocked, ended or no supplier.",
        "Repair the supplier in Exact, or choose another one.",
    ),
    "SUPPLIER_TAKEN": Explanation(
        "Another vendor is linked to this supplier.",
        "Unlink the other vendor first, or choose another supplier.",
    ),
    "NOTHING_PROPOSED": Explanation(
        "Nothing is proposed for the vendor in this division.",
        "Name the supplier yourself, by account code or id.",
    ),
    "NOT_LINKED": Explanation(
        "The vendor is not linked in this division.",
        "There is nothing to unlink.",
    ),
}
