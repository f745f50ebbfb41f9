"""The codes of what a ping finds, and no order."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

PING: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "EXACT_VIRTUAL_DIVISION",
        Severity.EXCEPTION,
        "Exact lists no division {division}. Above 10,000,000, that is the HQ of a Premium "
        "licence: a view of several divisions, without orders of its own.",
        "Give its subsidiaries to the divisions themselves (`connector connect` lists them). If "
        "{division} is one of those, let the Exact user see it in the list of divisions.",
    ),
    CatalogueEntry(
        "EXACT_NO_PURCHASE_ORDERS",
        Severity.EXCEPTION,
        "The app cannot see purchase orders in this division.",
        "Check that the Exact licence has purchase orders (accounting alone has none), "
        "and that the user who consented may use them.",
        {
            "reason": "{reason}",
        },
    ),
    CatalogueEntry(
        "NO_VAT_CODE",
        Severity.NOTE,
        "Without a VAT code, an amount goes to Exact without VAT.",
        "If the purchases have VAT, run `connector connection set {connection} "
        "{division}.default_vat_code=CODE` with a code of the division; "
        "`connector map show {connection}` says what a tax code of Airbase stands for.",
        {
            "division": "Division {division} has neither a default VAT code nor a VAT mapping; "
            "only an order's own code, or that of its GL account or supplier, is used.",
            "lines": "No VAT code is found for line {lines} of {order}, and division {division} "
            "has no default.",
        },
    ),
    CatalogueEntry(
        "CLOCK_DIFFERS",
        Severity.NOTE,
        "The clock of this machine and the clock of the other system differ.",
        "Set this machine's clock by a time server; if it is right, report it to the other side.",
        {
            "ahead": "{system} is {seconds} s ahead.",
            "behind": "{system} is {seconds} s behind.",
        },
    ),
    CatalogueEntry(
        "DATA_IS_OLD",
        Severity.NOTE,
        "Stored data still have an earlier form; everything works, but lists read more.",
        "Run `connector migrate`; workers need not stop.",
        {
            "steps": "Steps to do: {count} ({steps}).",
        },
    ),
    CatalogueEntry(
        "TOKEN_STORES_DIFFER",
        Severity.NOTE,
        "Secrets Manager has an older token pair than the coordination table. Nothing is lost: the "
        "connector uses the newer pair and tries again every 17 minutes.",
        "Check quota, rights and the stack's key of Secrets Manager in AWS. Until this closes, do "
        "not delete or restore the coordination table.",
        {
            "since": "It has been so since {since} UTC.",
            "refused": "It has been so since {since} UTC; Secrets Manager answers {reason}.",
        },
    ),
    CatalogueEntry(
        "CONSENT_AGEING",
        Severity.NOTE,
        "The consent has not been renewed for weeks; it expires after 30 days.",
        "Check the token_refresh function: its schedule should renew the consent daily.",
        {
            "age": "It was renewed {age} days ago, {left} are left.",
        },
    ),
)
