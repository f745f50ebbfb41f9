"""What is wrong with a vendor, or with its link to a supplier."""

from ml_connector.codes.explanation import Explanation

VENDORS: dict[str, Explanation] = {
    "VENDOR_INACTIVE": Explanation(
        "The vendor is not active in Airbase.",
        "Activate the vendor in Airbase, or cancel the order.",
    ),
    "LINK_BROKEN": Explanation(
        "The supplier that the vendor is linked to is gone, blocked, ended or no supplier.",
        "Link the vendor to another supplier, or repair the supplier in Exact.",
    ),
    "VENDOR_GONE": Explanation(
        "The linked vendor is no longer in Airbase.",
        "If it was merged or made anew, accept the proposal at the other vendor; else unlink it.",
    ),
    "VENDOR_RECREATED": Explanation(
        "The supplier that fits is linked to a vendor that is gone or closed in Airbase.",
        "Accept the proposal if it is the same company; its orders then go on.",
    ),
    "SUPPLIER_SHARED": Explanation(
        "Several vendors are linked to one supplier.",
        "Link each vendor to its own supplier, or merge the vendors in Airbase.",
    ),
    "LINK_DISPUTED": Explanation(
        "The link, the connection file and the vendor's ERP reference name different suppliers.",
        "Accept the right supplier, and correct the file or the reference in Airbase.",
    ),
    "NAME_CHANGED": Explanation(
        "A linked vendor or supplier was renamed, and the names no longer agree.",
        "Accept the link if it is still the same company, else link the vendor to another one.",
    ),
    "EMAIL_CHANGED": Explanation(
        "The e-mail address of a linked vendor or supplier changed, and they differ.",
        "Correct the address that is wrong.",
    ),
    "SUPPLIER_EXISTS": Explanation(
        "Exact holds an account of this name already.",
        "Nothing to do if it is a supplier: it is matched once it has been read; else make it one.",
    ),
    "VENDOR_UNKNOWN": Explanation(
        "No vendor of this id has been read from Airbase.",
        "Check the id; a vendor made just now is known after the next reading of the vendors.",
    ),
    "NOT_THE_VENDOR": Explanation(
        "Airbase answered with another vendor than the one asked for.",
        "Check vendor_path and the field map of the connection's profile.",
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
