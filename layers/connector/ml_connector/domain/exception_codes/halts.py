"""The codes that stop a connection, or one of its divisions, until something is repaired."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

_RECONNECT = (
    "Reconnect: run `connector connection consent {connection}` and give consent again in Exact."
)

_EXACT_SAYS = {"quoted": 'Exact says: "{text}"'}

_OF_ENDPOINT = {
    "quoted": 'The call was {endpoint}. Exact says: "{text}"',
    "endpoint": "The call was {endpoint}.",
}

HALTS: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "AIRBASE_KEY_REFUSED",
        Severity.HALT,
        "Airbase refuses the API key.",
        "Make a new key in Airbase, then run `connector connect {connection}`, which asks for it.",
        {
            "status": "It answered {status}.",
        },
    ),
    CatalogueEntry(
        "RECONNECT_NEEDED",
        Severity.HALT,
        "Exact no longer accepts this connection's refresh token.",
        _RECONNECT,
        {
            "used": (
                "It was used already: another program uses this consent, or a renewed pair "
                'was lost before it could be stored. Exact says: "{text}"'
            ),
            "expired": 'It was not used for 30 days. Exact says: "{text}"',
            "withdrawn": (
                'The consent was withdrawn, or given again elsewhere. Exact says: "{text}"'
            ),
            "refused_again": "Renewed tokens are refused as well.",
        },
    ),
    CatalogueEntry(
        "NOT_CONNECTED", Severity.HALT, "This connection has no consent from Exact yet.", _RECONNECT
    ),
    CatalogueEntry(
        "APP_CREDENTIALS_MISSING",
        Severity.HALT,
        "The Exact client id and secret of this connection are not stored.",
        "Add them: run `connector connect {connection}`, which asks for them and for consent.",
    ),
    CatalogueEntry(
        "APP_CREDENTIALS_REFUSED",
        Severity.HALT,
        "Exact does not know this client id and secret.",
        "Check them at Exact, where the app is registered (they belong to one country site), and "
        "store them again.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "AIRBASE_KEY_MISSING",
        Severity.HALT,
        "The Airbase API key of this connection is not stored.",
        "Add it: run `connector connect {connection}`, which asks for it.",
    ),
    CatalogueEntry(
        "SECRET_UNREADABLE",
        Severity.HALT,
        "A stored secret of this connection cannot be decrypted.",
        "Store it again: credentials with `connector connect {connection}`, "
        "tokens with `connector connection consent {connection}`.",
        {
            "kind": "Kind: {kind}.",
        },
    ),
    CatalogueEntry(
        "EXACT_TOKEN_REFUSED",
        Severity.HALT,
        "Exact refused to renew the token for an unknown reason.",
        _RECONNECT,
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_DIVISION_NOT_ALLOWED",
        Severity.HALT,
        "The consent does not cover this division.",
        "In Exact, add the division to the app's divisions or give the user access to it, "
        "then run `connector connection consent {connection}`.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_DIVISION_UNAUTHORIZED",
        Severity.HALT,
        "Exact refuses every token in this division, while the same tokens work elsewhere.",
        "In Exact, check that the division is open, that its licence has not ended, and that the "
        "user who gave consent still has rights in it. It is tried again by itself.",
    ),
    CatalogueEntry(
        "ANOTHER_CONNECTOR",
        Severity.HALT,
        "Another connector posts purchase orders in this division.",
        "Find out who it is: another stack, an earlier installation. Two connectors post every "
        "order twice. Once it is known and ended, run `connector connection known {connection}`; "
        "after a restore, run `connector restored {connection} --to TIME` before that.",
        {
            "orders": "Exact order {numbers} carries the mark of a connector, for an order that "
            "this connection does not have.",
        },
    ),
    CatalogueEntry(
        "EXACT_DIVISION_BLOCKED",
        Severity.HALT,
        "The division is blocked in Exact.",
        "Ask the Exact administrator to unblock it.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_SCOPE_MISSING",
        Severity.HALT,
        "The app lacks a permission (scope) that this call needs.",
        "Add the scope to the app at Exact, where it is registered, and give consent again.",
        _OF_ENDPOINT,
    ),
    CatalogueEntry(
        "EXACT_LICENCE",
        Severity.HALT,
        "The Exact licence has expired or lacks the module for this call.",
        "Ask the Exact administrator to renew or extend the licence.",
        _OF_ENDPOINT,
    ),
    CatalogueEntry(
        "EXACT_USER_BLOCKED",
        Severity.HALT,
        "The Exact user who gave consent is blocked or inactive.",
        "Unblock the user, or run `connector connection consent {connection}` as another user.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_CUSTOMER_BLOCKED",
        Severity.HALT,
        "Exact has blocked the customer's account.",
        "Settle it with Exact.",
        _EXACT_SAYS,
    ),
    CatalogueEntry(
        "EXACT_FORBIDDEN",
        Severity.HALT,
        "Exact forbids this call in this division.",
        "Give the user who consented the right to make it, and check that the licence has the "
        "module.",
        _OF_ENDPOINT,
    ),
)
