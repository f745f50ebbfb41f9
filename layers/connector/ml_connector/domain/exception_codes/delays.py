"""The codes for delays: the work is tried again by itself."""

from ml_connector.domain.exception_codes.explanation import Explanation

_RETRIED = "Nothing to do: it is tried again by itself."
_LOOKED_UP = "Nothing to do: Exact is searched for it before it is sent again."
_CONTINUES = "Nothing to do: everything that waits continues by itself, the oldest first."

DELAYS: dict[str, Explanation] = {
    "EXACT_MINUTE_LIMIT": Explanation(
        "The division's calls for this minute are used up.", _RETRIED
    ),
    "EXACT_DAY_LIMIT": Explanation(
        "The division's calls for today are used up; new ones are available from 00:00 UTC.",
        "Nothing to do. If it happens daily, ask Exact for a higher limit.",
    ),
    "EXACT_RATE_LIMITED": Explanation(
        "Exact refused a call because of its rate limit and did not say for how long.", _RETRIED
    ),
    "EXACT_ERROR_LIMIT": Explanation(
        "Six calls to one endpoint failed within an hour; Exact blocks the key after ten.",
        "Resolve the open exceptions of this division; calls continue when the hour is over.",
    ),
    "EXACT_UNAVAILABLE": Explanation("Exact answered with a temporary error.", _RETRIED),
    "EXACT_UNREACHABLE": Explanation("Exact could not be reached; nothing was sent.", _RETRIED),
    "EXACT_NO_ANSWER": Explanation(
        "The connection broke or timed out before Exact answered.", _LOOKED_UP
    ),
    "EXACT_UNREADABLE": Explanation("Exact sent an answer that cannot be read.", _LOOKED_UP),
    "EXACT_AWAY": Explanation(
        "Exact has not answered for a while; the connector keeps checking whether it is back.",
        _CONTINUES,
    ),
    "EXACT_UNAUTHORIZED": Explanation(
        "Exact refused a new access token; it cannot be renewed yet.", _RETRIED
    ),
    "TOKEN_BUSY": Explanation("Another process is renewing the access token.", _RETRIED),
    "TOKEN_TOO_EARLY": Explanation(
        "Exact says that an access token is still valid, but it is not the stored one.", _RETRIED
    ),
    "TOKEN_CALLS_SPENT": Explanation(
        "Today's calls to Exact's token endpoint are used up (200 a day).",
        "Nothing to do. If it returns, find the other program that uses this app's consent.",
    ),
    "TOKEN_UNAVAILABLE": Explanation("Exact's token endpoint gave no usable answer.", _RETRIED),
}

DELAYS |= {
    "AIRBASE_AWAY": Explanation(
        "Airbase has not answered for a while; the connector keeps checking whether it is back.",
        _CONTINUES,
    ),
    "AIRBASE_BUSY": Explanation("Airbase asked to slow down.", _RETRIED),
    "AIRBASE_UNREACHABLE": Explanation("Airbase did not answer.", _RETRIED),
    "AIRBASE_UNAVAILABLE": Explanation("Airbase answered with a temporary error.", _RETRIED),
    "AIRBASE_UNREADABLE": Explanation("Airbase's answer cannot be read.", _RETRIED),
    "OUTCOME_UNKNOWN": Explanation(
        "The order was sent, but it is not known yet whether Exact stored it.", _LOOKED_UP
    ),
    "REFERENCE_DATA_OLD": Explanation(
        "The division's reference data are being read from Exact.", _RETRIED
    ),
    "PROVISION_BUSY": Explanation(
        "Another order is creating the same item or supplier link in Exact.", _RETRIED
    ),
    "HALTED": Explanation(
        "The connection, or this division, is stopped by another exception.",
        "Resolve the exception of the connection; its orders then continue by themselves.",
    ),
}
