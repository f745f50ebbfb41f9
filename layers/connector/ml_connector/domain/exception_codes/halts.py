"""The codes that stop a connection, or one of its divisions, until something is repaired."""

from ml_connector.domain.exception_codes.explanation import Explanation

_RECONNECT = (
    "Reconnect: run `connector connection consent <connection>` and give consent again in Exact."
)

HALTS: dict[str, Explanation] = {
    "AIRBASE_KEY_REFUSED": Explanation(
        "Airbase refuses the API key.",
        "Make a new key in Airbase and store it with `connector connection add`.",
    ),
    "RECONNECT_NEEDED": Explanation(
        "Exact no longer accepts this connection's refresh token.", _RECONNECT
    ),
    "NOT_CONNECTED": Explanation("This connection has no consent from Exact yet.", _RECONNECT),
    "APP_CREDENTIALS_MISSING": Explanation(
        "The Exact client id and secret of this connection are not stored.",
        "Add them with `connector connection add <file>`, "
        "then run `connector connection consent <connection>`.",
    ),
    "APP_CREDENTIALS_REFUSED": Explanation(
        "Exact does not know this client id and secret.",
        "Check them in Exact's App Center (they belong to one country site) and store them again.",
    ),
    "AIRBASE_KEY_MISSING": Explanation(
        "The Airbase API key of this connection is not stored.",
        "Add it with `connector connection add <file>`.",
    ),
    "SECRET_UNREADABLE": Explanation(
        "A stored secret of this connection cannot be decrypted.",
        "Store it again: credentials with `connector connection add`, "
        "tokens with `connector connection consent`.",
    ),
    "EXACT_TOKEN_REFUSED": Explanation(
        "Exact refused to renew the token for an unknown reason.", _RECONNECT
    ),
    "EXACT_DIVISION_NOT_ALLOWED": Explanation(
        "The consent does not cover this division.",
        "In Exact, add the division to the app's divisions or give the user access to it, "
        "then run `connector connection consent <connection>`.",
    ),
    "EXACT_DIVISION_BLOCKED": Explanation(
        "The division is blocked in Exact.",
        "Ask the Exact administrator to unblock it.",
    ),
    "EXACT_SCOPE_MISSING": Explanation(
        "The app lacks a permission (scope) that this call needs.",
        "Add the scope to the app in Exact's App Center and give consent again.",
    ),
    "EXACT_LICENCE": Explanation(
        "The Exact licence has expired or lacks the module for this call.",
        "Ask the Exact administrator to renew or extend the licence.",
    ),
    "EXACT_USER_BLOCKED": Explanation(
        "The Exact user who gave consent is blocked or inactive.",
        "Unblock the user, or run `connector connection consent <connection>` as another user.",
    ),
    "EXACT_CUSTOMER_BLOCKED": Explanation(
        "Exact has blocked the customer's account.", "Settle it with Exact."
    ),
    "EXACT_FORBIDDEN": Explanation(
        "Exact forbids this call in this division.",
        "Give the user who consented the right to make it, and check that the licence has the "
        "module.",
    ),
}
