"""The codes of Exact's refusals and of missing webhook subscriptions."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

_EXACT_SAYS = {"quoted": 'Exact says: "{text}"'}

REFUSALS: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "EXACT_ALREADY_EXISTS",
        Severity.EXCEPTION,
        "This record already exists in Exact.",
        "Find it in Exact; change or remove one of the two.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_REFUSES_UNCLEARLY",
        Severity.EXCEPTION,
        "Exact has refused this several times, in words that the connector does not know, or has "
        "not answered. It was looked up each time and is not in Exact.",
        "Read Exact's words; remove the cause or ask Exact's support, then retry the record. It is "
        "also tried once a day, and after a change.",
        {
            "quoted": 'Exact answered {status} {times} times and says: "{text}"',
            "status": "Exact answered {status} {times} times and gave no reason.",
            "silent": "Exact gave no answer {times} times.",
        },
    ),
    CatalogueEntry(
        "REQUEST_TOO_LARGE",
        Severity.EXCEPTION,
        "The order is larger than Exact takes in one request, so it was not sent.",
        "Split the order in Airbase into smaller ones, or shorten the texts of its lines.",
        {"size": "It has {megabytes} MB; Exact takes 10 MB."},
    ),
    CatalogueEntry(
        "EXACT_MANDATORY",
        Severity.EXCEPTION,
        "A value that Exact requires is missing.",
        "Fill it in in Airbase or map it, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_INVALID_REFERENCE",
        Severity.EXCEPTION,
        "A code or key does not exist in this division.",
        "Correct the mapping to a record of this division, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_INVALID",
        Severity.EXCEPTION,
        "Exact considers a value invalid.",
        "Correct the value that is named, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_NO_PURCHASE_PRICE",
        Severity.EXCEPTION,
        "The item has no purchase price with this supplier.",
        "Add the supplier and a purchase price to the item in Exact, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_NOT_A_PURCHASE_ITEM",
        Severity.EXCEPTION,
        "The item is not marked as a purchase item.",
        "Mark it as one in Exact, or map the GL account to another item, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_ITEM_INACTIVE",
        Severity.EXCEPTION,
        "The item is not active.",
        "Activate it in Exact or map another item, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_ITEM_FUTURE",
        Severity.EXCEPTION,
        "The item is active only from a later date.",
        "Set an earlier start date in Exact or map another item, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_ITEM_NOT_IN_WAREHOUSE",
        Severity.EXCEPTION,
        "The item is not linked to the warehouse.",
        "Link them in Exact or set another warehouse, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_ITEM_NOT_WITH_SUPPLIER",
        Severity.EXCEPTION,
        "The item is not linked to the supplier.",
        "Link them in Exact, or let the connection create such links, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_VAT_CODE_BLOCKED",
        Severity.EXCEPTION,
        "The VAT code is blocked.",
        "Unblock it or map another VAT code, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_INACTIVE",
        Severity.EXCEPTION,
        "A record that the order uses is not active in Exact.",
        "Activate it or map another one, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_BLOCKED",
        Severity.EXCEPTION,
        "A record that the order uses is blocked in Exact.",
        "Unblock it or map another one, then retry the order.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_NOT_FOUND",
        Severity.EXCEPTION,
        "Exact does not have the record or the address.",
        "Check whether it was removed in Exact; refresh the reference data, then retry.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_FILTER_REQUIRED",
        Severity.EXCEPTION,
        "Exact requires a filter or a field list for this request.",
        "Report it: the connector's request has to be changed.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_BAD_REQUEST",
        Severity.EXCEPTION,
        "Exact could not read what was sent.",
        "Check the values that are named; if they are right, report it with the evidence.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_CALLBACK_FAILED",
        Severity.NOTE,
        "Exact could not reach the webhook address of this connection.",
        "Check that the address is public, uses https and answers; "
        "the next run of token_refresh subscribes again.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_REFUSED",
        Severity.EXCEPTION,
        "Exact refused the call for a reason that the connector does not know.",
        "Read Exact's own words, repair what they name, then retry.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_ODD_ANSWER",
        Severity.EXCEPTION,
        "Exact's answer refers to another site or to itself in a circle.",
        "Check the connection's base URL; if it is right, report it with the evidence.",
    ),
    CatalogueEntry(
        "WEBHOOK_ELSEWHERE",
        Severity.NOTE,
        "Exact sends these notifications to another address.",
        "If nothing else needs them there, run `connector webhooks {connection} --move`.",
        {
            "address": "It points to {address}.",
            "topics": "{topics} are sent to {address}.",
        },
    ),
    CatalogueEntry(
        "WEBHOOK_NOT_SUBSCRIBED",
        Severity.NOTE,
        "A webhook subscription could not be created.",
        "Give the app the scope Organization administration: Manage; "
        "until then the sweep finds changes.",
        {
            "reason": "{reason}",
        },
    ),
    CatalogueEntry(
        "WEBHOOK_MISSING",
        Severity.NOTE,
        "Exact has no subscription for these notifications.",
        "The next run of token_refresh creates it; until then the sweep finds changes.",
        {
            "topics": "Missing: {topics}.",
        },
    ),
)
