"""The codes for a vendor, or for its link to a supplier."""

from ml_connector.domain.exception_codes.explanation import Explanation

VENDORS: dict[str, Explanation] = {
    "VENDOR_INACTIVE": Explanation(
        "The vendor is not active in Airbase.",
        "Activate the vendor in Airbase, or cancel the order.",
    ),
    "LINK_BROKEN": Explanation(
        "The linked supplier was deleted, is blocked, has ended or is not a supplier.",
        "Link the vendor to another supplier, or repair the supplier in Exact.",
    ),
    "VENDOR_GONE": Explanation(
        "The linked vendor is no longer in Airbase.",
        "If it was merged or created again, accept the proposal for the other vendor; "
        "otherwise unlink it.",
    ),
    "VENDOR_RECREATED": Explanation(
        "The matching supplier is linked to a vendor that is deleted or closed in Airbase.",
        "Accept the proposal if it is the same company; its orders then continue.",
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
        "Accept the link if it is still the same company; "
        "otherwise link the vendor to another supplier.",
    ),
    "EMAIL_CHANGED": Explanation(
        "The e-mail address of a linked vendor or supplier changed, and they now differ.",
        "Correct the wrong address.",
    ),
    "SUPPLIER_EXISTS": Explanation(
        "Exact already has an account with this name.",
        "If it is a supplier, nothing to do: it is matched after the next refresh. "
        "Otherwise make it a supplier.",
    ),
    "VENDOR_UNKNOWN": Explanation(
        "No vendor with this id has been read from Airbase.",
        "Check the id; a new vendor is known after the next reading of the vendors.",
    ),
    "NOT_THE_VENDOR": Explanation(
        "Airbase returned a different vendor from the one requested.",
        "Check vendor_path and the field map of the connection's profile.",
    ),
    "DIVISION_UNKNOWN": Explanation(
        "The connection does not have this division.",
        "Name one of its divisions, or add the division to the connection file.",
    ),
    "SUPPLIER_UNKNOWN": Explanation(
        "The division does not have this supplier.",
        "Check the account code or id; a new supplier is known after a refresh.",
    ),
    "SUPPLIER_UNUSABLE": Explanation(
        "The supplier is blocked, has ended or is not a supplier.",
        "Repair the supplier in Exact, or choose another one.",
    ),
    "SUPPLIER_TAKEN": Explanation(
        "Another vendor is linked to this supplier.",
        "Unlink the other vendor first, or choose another supplier.",
    ),
    "NOTHING_PROPOSED": Explanation(
        "There is no proposal for the vendor in this division.",
        "Name the supplier yourself, by account code or id.",
    ),
    "NOT_LINKED": Explanation(
        "The vendor is not linked in this division.",
        "There is nothing to unlink.",
    ),
}
