"""The codes for delays: the work is tried again by itself."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

_RETRIED = "Nothing to do: it is tried again by itself."
_LOOKED_UP = "Nothing to do: Exact is searched for it before it is sent again."
_CONTINUES = "Nothing to do: everything that waits continues by itself, the oldest first."

DELAYS: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "EXACT_MINUTE_LIMIT",
        Severity.DELAY,
        "The division's calls for this minute are used up.",
        _RETRIED,
        {
            "division": "It is division {division}.",
            "ping": "Left this minute: {minute}; today: {day}; a ping takes {calls}.",
        },
    ),
    CatalogueEntry(
        "EXACT_DAY_LIMIT",
        Severity.DELAY,
        "The division's calls for today are used up; new ones are available from 00:00 UTC.",
        "Nothing to do. If it happens daily, ask Exact for a higher limit.",
        {
            "division": "It is division {division}.",
            "ping": "Left this minute: {minute}; today: {day}; a ping takes {calls}.",
        },
    ),
    CatalogueEntry(
        "EXACT_CONTRACT_DAY",
        Severity.DELAY,
        "Today's share of the Exact contract's calls is used up; it starts anew at 00:00 UTC.",
        "Nothing to do. If it happens daily, see which divisions and apps call most, or raise "
        "share_percent of the connection's contract.",
        {
            "share": "Of {contract}, the connector may use {share} calls a day.",
        },
    ),
    CatalogueEntry(
        "EXACT_CONTRACT_READING",
        Severity.DELAY,
        "What is left of today's share of the Exact contract's calls is kept for orders.",
        "Nothing to do: reference data are read again from 00:00 UTC.",
        {
            "share": "Of {contract}, the connector may use {share} calls a day.",
        },
    ),
    CatalogueEntry(
        "EXACT_TURN_TAKEN",
        Severity.DELAY,
        "Exact asks for one call after the other, and another worker is calling the division.",
        "Nothing to do: whoever calls it works through what waits there.",
        {
            "division": "It is division {division}.",
        },
    ),
    CatalogueEntry(
        "EXACT_RATE_LIMITED",
        Severity.DELAY,
        "Exact refused a call because of its rate limit and did not say for how long.",
        _RETRIED,
        {
            "division": "It is division {division}.",
        },
    ),
    CatalogueEntry(
        "EXACT_ERROR_LIMIT",
        Severity.DELAY,
        "Six calls to one endpoint failed within an hour; Exact blocks the key after ten.",
        "Resolve the open exceptions of this division; calls continue when the hour is over.",
        {
            "errors": "There were {count} errors at {endpoint}.",
        },
    ),
    CatalogueEntry(
        "EXACT_UNAVAILABLE",
        Severity.DELAY,
        "Exact answered with a temporary error.",
        _RETRIED,
        {
            "status": "It answered {status}.",
            "quoted": 'It answered {status} and says: "{text}"',
        },
    ),
    CatalogueEntry(
        "EXACT_UNREACHABLE",
        Severity.DELAY,
        "Exact could not be reached; nothing was sent.",
        _RETRIED,
    ),
    CatalogueEntry(
        "EXACT_NO_ANSWER",
        Severity.DELAY,
        "The connection broke or timed out before Exact answered.",
        _LOOKED_UP,
    ),
    CatalogueEntry(
        "EXACT_UNREADABLE",
        Severity.DELAY,
        "Exact sent an answer that cannot be read.",
        _LOOKED_UP,
        {
            "status": "It answered {status}.",
            "not_about": "It is not about {record}.",
        },
    ),
    CatalogueEntry(
        "EXACT_OTHER_ANSWER",
        Severity.DELAY,
        "A call was refused, but not by Exact: by a page or a server on the way.",
        _LOOKED_UP,
        {
            "status": "It answered {status}.",
            "quoted": 'It answered {status} and says: "{text}"',
        },
    ),
    CatalogueEntry(
        "EXACT_AWAY",
        Severity.DELAY,
        "Exact has not answered for a while; the connector keeps checking whether it is back.",
        _CONTINUES,
    ),
    CatalogueEntry(
        "EXACT_UNAUTHORIZED",
        Severity.DELAY,
        "Exact refused a new access token; it cannot be renewed yet.",
        _RETRIED,
    ),
    CatalogueEntry(
        "TOKEN_BUSY", Severity.DELAY, "Another process is renewing the access token.", _RETRIED
    ),
    CatalogueEntry(
        "TOKEN_TOO_EARLY",
        Severity.DELAY,
        "Exact says that an access token is still valid, but it is not the stored one.",
        _RETRIED,
        {
            "quoted": "It gave: {text}",
        },
    ),
    CatalogueEntry(
        "TOKEN_CALLS_SPENT",
        Severity.DELAY,
        "Today's calls to Exact's token endpoint are used up (200 a day).",
        "Nothing to do. If it returns, find the other program that uses this app's consent.",
    ),
    CatalogueEntry(
        "TOKEN_STORE_AWAY",
        Severity.DELAY,
        "AWS does not answer for the store of Exact's tokens; no token was renewed.",
        "Nothing to do. If it stays, check Secrets Manager, the stack's key and the function's "
        "rights in AWS.",
    ),
    CatalogueEntry(
        "TOKEN_NOT_STORED",
        Severity.DELAY,
        "A renewed token pair cannot be stored in AWS, and is not used before it is.",
        "If it stays for some minutes, check DynamoDB, Secrets Manager and the stack's key in AWS: "
        "a pair that is never stored is lost, and consent has to be given again.",
    ),
    CatalogueEntry(
        "TOKEN_UNAVAILABLE",
        Severity.DELAY,
        "Exact's token endpoint gave no usable answer.",
        _RETRIED,
        {
            "quoted": "It gave: {text}",
        },
    ),
    CatalogueEntry(
        "AIRBASE_AWAY",
        Severity.DELAY,
        "Airbase has not answered for a while; the connector keeps checking whether it is back.",
        _CONTINUES,
    ),
    CatalogueEntry(
        "AIRBASE_BUSY",
        Severity.DELAY,
        "Airbase asked to slow down.",
        _RETRIED,
        {
            "status": "It answered {status}.",
            "few_left": "It allows {remaining} more calls.",
        },
    ),
    CatalogueEntry(
        "AIRBASE_UNREACHABLE",
        Severity.DELAY,
        "Airbase did not answer.",
        _RETRIED,
        {
            "error": "The error was {error}.",
        },
    ),
    CatalogueEntry(
        "AIRBASE_UNAVAILABLE",
        Severity.DELAY,
        "Airbase answered with a temporary error.",
        _RETRIED,
        {
            "status": "It answered {status}.",
        },
    ),
    CatalogueEntry(
        "AIRBASE_OTHER_ANSWER",
        Severity.DELAY,
        "A call was refused, but not by Airbase: by a page of a server on the way.",
        _RETRIED,
        {
            "status": "It answered {status}.",
            "quoted": 'It answered {status} and says: "{text}"',
        },
    ),
    CatalogueEntry(
        "AIRBASE_UNREADABLE",
        Severity.DELAY,
        "Airbase's answer cannot be read.",
        _RETRIED,
        {
            "about": "It was about {record}.",
        },
    ),
    CatalogueEntry(
        "OUTCOME_UNKNOWN",
        Severity.DELAY,
        "It was sent, but it is not known yet whether Exact stored it.",
        _LOOKED_UP,
        {
            "reason": "{reason}",
            "attempt": "An earlier attempt may still be under way.",
            "change": "An earlier change may still be under way.",
            "looked_up": "The order is being looked up in Exact.",
        },
    ),
    CatalogueEntry(
        "REFERENCE_DATA_OLD",
        Severity.DELAY,
        "The division's reference data are being read from Exact.",
        _RETRIED,
        {
            "division": "It is division {division}.",
            "read_up_to": "{path} is read up to {timestamp}.",
        },
    ),
    CatalogueEntry(
        "PROVISION_BUSY",
        Severity.DELAY,
        "Another worker is creating the same record in Exact or Airbase.",
        _RETRIED,
        {
            "name": "It is {name}.",
        },
    ),
    CatalogueEntry(
        "HALTED",
        Severity.DELAY,
        "The connection, or this division, is stopped by another exception.",
        "Resolve the exception of the connection; its orders then continue by themselves.",
        {
            "division": "Division {division} is stopped.",
            "connection": "The connection is stopped.",
            "reason": "{reason}",
        },
    ),
)
