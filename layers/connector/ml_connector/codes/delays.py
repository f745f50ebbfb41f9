"""What only waits: it is tried again by itself."""

from ml_connector.codes.explanation import Explanation

_WAITS = "Nothing to do: it is tried again by itself."

DELAYS: dict[str, Explanation] = {
    "EXACT_MINUTE_LIMIT": Explanation("The division's calls for this minute are used up.", _WAITS),
    "EXACT_DAY_LIMIT": Explanation(
        "The division's calls for today are used up; they return at 00:00 UTC.",
        "Nothing to do. If it happens daily, ask Exact for a higher limit.",
    ),
    "EXACT_RATE_LIMITED": Explanation(
        "Exact refused a call for its rate and did not say until when.", _WAITS
    ),
    "EXACT_ERROR_LIMIT": Explanation(
        "Six calls to one endpoint failed within an hour; Exact blocks the key after ten.",
        "Resolve the open exceptions of this division; calls go on when the hour is over.",
    ),
    "EXACT_UNAVAILABLE": Explanation("Exact answered with a passing fault.", _WAITS),
    "EXACT_UNREACHABLE": Explanation("Exact could not be reached; nothing was sent.", _WAITS),
    "EXACT_NO_ANSWER": Explanation(
        "The connection broke or timed out before Exact answered.",
        "Nothing to do: what was sent is looked for before it is sent again.",
    ),
    "EXACT_UNREADABLE": Explanation(
        "Exact answered with something that cannot be read.",
        "Nothing to do: what was sent is looked for before it is sent again.",
    ),
    "EXACT_AWAY": Explanation(
        "Exact has not answered for a while; one question at a time looks whether it is back.",
        "Nothing to do: everything that waits goes on by itself, the oldest first.",
    ),
    "EXACT_UNAUTHORIZED": Explanation(
        "Exact refused a young access token; it cannot be renewed yet.", _WAITS
    ),
    "TOKEN_BUSY": Explanation("Another process is renewing the access token.", _WAITS),
    "TOKEN_TOO_EARLY": Explanation(
        "Exact says that an access token is still valid, but it is not the one kept here.",
        _WAITS,
    ),
    "TOKEN_CALLS_SPENT": Explanation(
        "Today's calls to Exact's token endpoint are used up (200 a day).",
        "Nothing to do. If it returns, look for another program that uses this app's consent.",
    ),
    "TOKEN_UNAVAILABLE": Explanation("Exact's token endpoint did not answer usefully.", _WAITS),
}

DELAYS |= {
    "AIRBASE_AWAY": Explanation(
        "Airbase has not answered for a while; one question at a time looks whether it is back.",
        "Nothing to do: everything that waits goes on by itself, the oldest first.",
    ),
    "AIRBASE_BUSY": Explanation("Airbase asked to slow down.", _WAITS),
    "AIRBASE_UNREACHABLE": Explanation("Airbase did not answer.", _WAITS),
    "AIRBASE_UNAVAILABLE": Explanation("Airbase answered with a passing fault.", _WAITS),
    "AIRBASE_UNREADABLE": Explanation("Airbase's answer cannot be read.", _WAITS),
    "OUTCOME_UNKNOWN": Explanation(
        "The order was sent, and whether Exact kept it is not known yet.",
        "Nothing to do: it is looked for in Exact before anything is sent again.",
    ),
    "REFERENCE_DATA_OLD": Explanation(
        "The division's reference data are being read from Exact.", _WAITS
    ),
    "PROVISION_BUSY": Explanation(
        "Another order is making the same item or supplier link in Exact.", _WAITS
    ),
    "HALTED": Explanation(
        "The connection, or this division of it, is stopped by another exception.",
        "Resolve the exception of the connection; its orders then go on by themselves.",
    ),
}
