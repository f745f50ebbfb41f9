"""Which halts a consent ends."""

LIFTED_BY_CONSENT = frozenset(
    {
        "RECONNECT_NEEDED",
        "NOT_CONNECTED",
        "SECRET_UNREADABLE",
        "APP_CREDENTIALS_MISSING",
        "APP_CREDENTIALS_REFUSED",
        "EXACT_TOKEN_REFUSED",
        "EXACT_DIVISION_NOT_ALLOWED",
        "EXACT_FORBIDDEN",
        "EXACT_SCOPE_MISSING",
        "EXACT_USER_BLOCKED",
    }
)
"""Halts that a new consent may end; if the cause remains, the connection is stopped again."""
