"""The codes for a vendor, or for its link to a supplier."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

VENDORS: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "LISTED_VENDOR_UNREADABLE",
        Severity.NOTE,
        "Airbase's list of vendors has rows without a readable id; the others were read.",
        "Compare the profile's vendors_path and vendor.id with Airbase's answer.",
        {
            "why": "How many: {count}. {why}",
        },
    ),
    CatalogueEntry(
        "VENDOR_INACTIVE",
        Severity.EXCEPTION,
        "The vendor is not active in Airbase.",
        "Activate the vendor in Airbase, or cancel the order.",
        {
            "name": "It is {vendor}.",
            "supplier": "Division {division}: its supplier can still be used.",
        },
    ),
    CatalogueEntry(
        "LINK_BROKEN",
        Severity.EXCEPTION,
        "The linked supplier was deleted, is blocked, has ended or is not a supplier.",
        "Link the vendor to another supplier, or repair the supplier in Exact.",
        {
            "gone": "Division {division}: it is gone.",
            "not_a_supplier": "Division {division}: {supplier} is not a supplier.",
            "blocked": "Division {division}: {supplier} is blocked.",
            "ended": "Division {division}: {supplier} has ended or not begun.",
        },
    ),
    CatalogueEntry(
        "VENDOR_GONE",
        Severity.EXCEPTION,
        "The linked vendor is no longer in Airbase.",
        "If it was merged or created again, accept the proposal for the other vendor; "
        "otherwise unlink it.",
        {
            "division": "Division {division}: it is not in Airbase's list.",
        },
    ),
    CatalogueEntry(
        "VENDOR_RECREATED",
        Severity.EXCEPTION,
        "The matching supplier is linked to a vendor that is deleted or closed in Airbase.",
        "Accept the proposal if it is the same company; its orders then continue.",
        {
            "other": "Division {division}: {other}.",
        },
    ),
    CatalogueEntry(
        "SUPPLIER_SHARED",
        Severity.EXCEPTION,
        "Several vendors are linked to one supplier.",
        "If the vendors are one company, link one of them to this supplier by hand; otherwise link "
        "each to its own.",
        {
            "other": "Division {division}: {other}.",
            "also": "Division {division}: also {others}.",
        },
    ),
    CatalogueEntry(
        "LINK_DISPUTED",
        Severity.EXCEPTION,
        "The link, the connection file and the vendor's ERP reference name different suppliers.",
        "Accept the right supplier, and correct the file or the reference in Airbase.",
        {
            "file": "Division {division}: the connection file names {supplier}.",
            "reference": "Division {division}: Airbase's reference names {supplier}.",
        },
    ),
    CatalogueEntry(
        "LINK_UNCONFIRMED",
        Severity.NOTE,
        "Today's rules would not make this automatic link; it stays, and its orders continue.",
        "Accept the link if it is the same company; otherwise unlink it.",
        {
            "doubts": "Division {division}: {doubts}.",
        },
    ),
    CatalogueEntry(
        "NAME_CHANGED",
        Severity.EXCEPTION,
        "A linked vendor or supplier was renamed, and the names no longer agree.",
        "Accept the link if it is still the same company; "
        "otherwise link the vendor to another supplier.",
        {
            "names": (
                "Division {division}: they were {vendor_before} and {supplier_before}, now "
                "{vendor} and {supplier}."
            ),
        },
    ),
    CatalogueEntry(
        "EMAIL_CHANGED",
        Severity.NOTE,
        "The e-mail address of a linked vendor or supplier changed, and they now differ.",
        "Correct the wrong address.",
        {
            "addresses": "Division {division}: now {vendor} and {supplier}.",
        },
    ),
    CatalogueEntry(
        "SUPPLIER_EXISTS",
        Severity.EXCEPTION,
        "Exact already has an account with this name.",
        "If it is a supplier, nothing to do: it is matched after the next refresh. "
        "Otherwise make it a supplier.",
        {
            "name": "Division {division}: {name}.",
        },
    ),
    CatalogueEntry(
        "VENDOR_UNKNOWN",
        Severity.NOTE,
        "No vendor with this id has been read from Airbase.",
        "Check the id; a new vendor is known after the next reading of the vendors.",
    ),
    CatalogueEntry(
        "NOT_THE_VENDOR",
        Severity.EXCEPTION,
        "Airbase returned a different vendor from the one requested.",
        "Check vendor_path and the field map of the connection's profile.",
        {
            "vendor": "It was {found}.",
        },
    ),
    CatalogueEntry(
        "DIVISION_UNKNOWN",
        Severity.NOTE,
        "The connection does not have this division.",
        "Name one of its divisions, or add the division to the connection file.",
        {
            "connection": "It is {connection}.",
        },
    ),
    CatalogueEntry(
        "SUPPLIER_UNKNOWN",
        Severity.NOTE,
        "The division does not have this supplier.",
        "Check the account code or id; a new supplier is known after a refresh.",
        {
            "division": "Division {division}.",
        },
    ),
    CatalogueEntry(
        "SUPPLIER_UNUSABLE",
        Severity.NOTE,
        "The supplier is blocked, has ended or is not a supplier.",
        "Repair the supplier in Exact, or choose another one.",
        {
            "division": "Division {division}.",
        },
    ),
    CatalogueEntry(
        "SUPPLIER_TAKEN",
        Severity.NOTE,
        "Another vendor is linked to this supplier.",
        "If both are one company, link it by itself with `vendors link`; otherwise choose another "
        "supplier, or unlink the other vendor first.",
        {
            "vendor": "It is {vendor} ({id}).",
        },
    ),
    CatalogueEntry(
        "NOTHING_PROPOSED",
        Severity.NOTE,
        "There is no proposal for the vendor in this division.",
        "Name the supplier yourself, by account code or id.",
        {
            "division": "Division {division}.",
        },
    ),
    CatalogueEntry(
        "NOT_LINKED",
        Severity.NOTE,
        "The vendor is not linked in this division.",
        "There is nothing to unlink.",
        {
            "division": "Division {division}.",
        },
    ),
)
