"""The codes that checking an order against the division's reference data can raise."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

_MAP_IT = "Map it, or correct the order in Airbase."
_CHOOSE_ANOTHER = (
    "Choose another one in Airbase, or unblock it in Exact. The order is tried again when "
    "Exact's data change."
)

VALIDATION: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "UNKNOWN_SUBSIDIARY",
        Severity.EXCEPTION,
        "No division of this connection serves the subsidiary {subsidiary}.",
        "Add the subsidiary to a division of the connection, or under `served_elsewhere` if its "
        "orders are not posted here.",
    ),
    CatalogueEntry(
        "TOTAL_MISMATCH",
        Severity.EXCEPTION,
        "The lines add up to {lines}, but the order total is {total}.",
        "Correct the amounts in Airbase so that they add up to the cent.",
    ),
    CatalogueEntry(
        "NOT_POSITIVE",
        Severity.EXCEPTION,
        "The amount {total} is not positive.",
        "Exact orders need positive amounts: correct the order in Airbase or enter it by hand.",
    ),
    CatalogueEntry(
        "CURRENCY_NOT_ACTIVE",
        Severity.EXCEPTION,
        "The currency {currency} is not active in division {division}.",
        "Activate the currency in Exact and add it to other_currencies of the division.",
    ),
    CatalogueEntry(
        "UNKNOWN_VENDOR",
        Severity.EXCEPTION,
        "The vendor {vendor} is not linked to a supplier in division {division}.",
        "Link the vendor to a supplier, or create the supplier in Exact first.",
    ),
    CatalogueEntry(
        "VENDOR_LINK_IN_DOUBT",
        Severity.EXCEPTION,
        "The link of vendor {vendor} in division {division} is in doubt ({doubt}).",
        "Settle the vendor's exception: accept its link or link it to another supplier. The "
        "order then continues by itself.",
    ),
    CatalogueEntry(
        "SUPPLIER_GONE",
        Severity.EXCEPTION,
        "The supplier that vendor {vendor} is linked to is not in division {division}.",
        "Link the vendor to a supplier of this division.",
    ),
    CatalogueEntry(
        "NOT_A_SUPPLIER",
        Severity.EXCEPTION,
        "{supplier} is not a supplier in division {division}.",
        "Tick 'supplier' on the account in Exact. The order is tried again when Exact's data "
        "change.",
    ),
    CatalogueEntry(
        "SUPPLIER_BLOCKED",
        Severity.EXCEPTION,
        "The supplier {supplier} is blocked in division {division}.",
        "Unblock the supplier in Exact, or link the vendor to another one. The order is "
        "tried again when Exact's data change.",
    ),
    CatalogueEntry(
        "SUPPLIER_ENDED",
        Severity.EXCEPTION,
        "The supplier {supplier} is not active on the order date in division {division}.",
        "Correct the supplier's dates in Exact, or link the vendor to another one. The order "
        "is tried again when Exact's data change.",
    ),
    CatalogueEntry(
        "UNKNOWN_GL_ACCOUNT",
        Severity.EXCEPTION,
        "The GL account {account} ({code}) is not in division {division}.",
        _MAP_IT,
    ),
    CatalogueEntry(
        "GL_ACCOUNT_BLOCKED",
        Severity.EXCEPTION,
        "The GL account {account} is blocked in division {division}.",
        "Unblock it in Exact, or choose another account in Airbase. The order is tried again "
        "when Exact's data change.",
    ),
    CatalogueEntry(
        "NO_CARRIER_ITEM",
        Severity.EXCEPTION,
        "No item in division {division} books to GL account {account}.",
        "Create a non-stock purchase item with this cost account in Exact, or set create_items.",
    ),
    CatalogueEntry(
        "SEVERAL_CARRIER_ITEMS",
        Severity.EXCEPTION,
        "Several items in division {division} book to GL account {account}.",
        "Choose one under mappings.items of the division.",
    ),
    CatalogueEntry(
        "MAPPED_ITEM_UNUSABLE",
        Severity.EXCEPTION,
        "The mapped item {item} is not an active non-stock purchase item on GL account {account}.",
        "Correct mappings.items of division {division}, or the item in Exact.",
    ),
    CatalogueEntry(
        "VAT_CODE_BASIS",
        Severity.EXCEPTION,
        "The VAT code {code} of division {division} includes VAT and the amounts do not, or "
        "vice versa.",
        "Use a code of the other type, or set amounts_include_vat on the connection.",
    ),
    CatalogueEntry(
        "VAT_CODE_NOT_FOR_PURCHASE",
        Severity.EXCEPTION,
        "The VAT code {code} of division {division} is for sales only.",
        _MAP_IT,
    ),
    CatalogueEntry(
        "COST_CENTRE_MISSING",
        Severity.EXCEPTION,
        "GL account {account} requires a cost centre in division {division}.",
        "Add the cost centre tag to the line in Airbase.",
    ),
    CatalogueEntry(
        "COST_UNIT_MISSING",
        Severity.EXCEPTION,
        "GL account {account} requires a cost unit in division {division}.",
        "Add the cost unit tag to the line in Airbase.",
    ),
    CatalogueEntry(
        "UNKNOWN_TAG",
        Severity.EXCEPTION,
        "The tag {tag} is not mapped to a dimension.",
        "Name it in tag_dimensions or ignored_tags of the connection.",
    ),
    CatalogueEntry(
        "SEVERAL_VALUES",
        Severity.EXCEPTION,
        "The {what} has more than one value: {values}.",
        "Leave one of the tags in Airbase, or split the line. If one of the tags means something "
        "else, change its dimension in tag_dimensions or ignored_tags of the connection.",
    ),
    CatalogueEntry(
        "UNKNOWN_COST_CENTRE",
        Severity.EXCEPTION,
        "The cost centre {name} ({code}) is not in division {division}.",
        _MAP_IT,
    ),
    CatalogueEntry(
        "UNKNOWN_COST_UNIT",
        Severity.EXCEPTION,
        "The cost unit {name} ({code}) is not in division {division}.",
        _MAP_IT,
    ),
    CatalogueEntry(
        "UNKNOWN_PROJECT",
        Severity.EXCEPTION,
        "The project {name} ({code}) is not in division {division}.",
        _MAP_IT,
    ),
    CatalogueEntry(
        "UNKNOWN_VAT_CODE",
        Severity.EXCEPTION,
        "The VAT code {name} ({code}) is not in division {division}.",
        _MAP_IT,
    ),
    CatalogueEntry(
        "UNKNOWN_PAYMENT_CONDITION",
        Severity.EXCEPTION,
        "The payment condition {name} ({code}) is not in division {division}.",
        _MAP_IT,
    ),
    CatalogueEntry(
        "PAYMENT_CONDITION_MISSING",
        Severity.EXCEPTION,
        "The order has no payment condition, nor have the supplier {supplier} and division "
        "{division}. In {country}, Exact demands one.",
        "Set default_payment_condition of division {division}, or the supplier's payment "
        "condition for purchases in Exact, or add one to the order in Airbase.",
    ),
    CatalogueEntry(
        "COST_CENTRE_BLOCKED",
        Severity.EXCEPTION,
        "The cost centre {code} is blocked or ended in division {division}.",
        _CHOOSE_ANOTHER,
    ),
    CatalogueEntry(
        "COST_UNIT_BLOCKED",
        Severity.EXCEPTION,
        "The cost unit {code} is blocked or ended in division {division}.",
        _CHOOSE_ANOTHER,
    ),
    CatalogueEntry(
        "PROJECT_BLOCKED",
        Severity.EXCEPTION,
        "The project {code} is blocked or ended in division {division}.",
        _CHOOSE_ANOTHER,
    ),
    CatalogueEntry(
        "VAT_CODE_BLOCKED",
        Severity.EXCEPTION,
        "The VAT code {code} is blocked or ended in division {division}.",
        _CHOOSE_ANOTHER,
    ),
    CatalogueEntry(
        "PAYMENT_CONDITION_BLOCKED",
        Severity.EXCEPTION,
        "The payment condition {code} is blocked or ended in division {division}.",
        _CHOOSE_ANOTHER,
    ),
)
