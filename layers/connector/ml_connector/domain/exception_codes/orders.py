"""The codes of what prevents an order from being posted."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

_CORRECT = "Correct the order in Airbase, or the field map of the connection's profile."

ORDERS: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "SUBSIDIARY_SERVED_TWICE",
        Severity.EXCEPTION,
        "Division {division} serves the subsidiary {subsidiary}, which another entry of the "
        "connection's file, by another of its names, says to be served elsewhere.",
        "Remove it from the division or from `served_elsewhere`, or name there the days from or "
        "until which it is served elsewhere.",
    ),
    CatalogueEntry(
        "REMOTE_AWAY",
        Severity.EXCEPTION,
        "One of the two systems has not answered for hours, and orders wait for it.",
        "Run `connector ping {connection}`; see the system's status page, or ask its support. "
        "Everything continues by itself once it answers.",
        {
            "since": "{name} has given no useful answer since {since}.",
        },
    ),
    CatalogueEntry(
        "WAITS_TOO_LONG",
        Severity.EXCEPTION,
        "It has waited for more than a day. It is still tried, twelve times a day at most.",
        "Run `connector ping {connection}` and mend what does not work; it then goes on by itself.",
        {
            "reason": "Since {since} it waits for this: {reason}",
        },
    ),
    CatalogueEntry(
        "BAD_FIELD",
        Severity.EXCEPTION,
        "A field of the order has an invalid value.",
        _CORRECT,
        {
            "path": "The path {path} does not fit the answer: {error}.",
            "not_text": "The {what} is not text.",
            "not_unicode": "The {what} is not valid Unicode.",
            "too_long": "The {what} has {length} characters, more than {longest}.",
            "not_a_flag": "The {what} is not true or false.",
            "not_a_currency": "The currency {found} is not an ISO code.",
            "not_a_date": "The {what} {found} is not an ISO date.",
            "date_out_of_reach": "The {what} {found} is not from {earliest} to {latest}.",
            "control_characters": "The {what} has control characters.",
            "not_tags": "The tags are not a list of tags.",
            "too_many_lines": "The order has {count} lines, more than {most}.",
        },
    ),
    CatalogueEntry(
        "MISSING_FIELD",
        Severity.EXCEPTION,
        "A field of the order is missing.",
        _CORRECT,
        {
            "absent": "Airbase gave no {what}.",
            "no_lines": "Airbase gave no lines.",
            "no_id": "There is no id at {path}.",
        },
    ),
    CatalogueEntry(
        "BAD_AMOUNT",
        Severity.EXCEPTION,
        "An amount cannot be used.",
        "Correct the amount in Airbase.",
        {
            "not_minor_units": "The {what}, {found}, is not a whole number of minor units.",
            "too_many_decimals": "The {what}, {found}, has more decimals than {currency} has.",
            "not_an_amount": "The {what}, {found}, is not an amount.",
            "too_many_digits": "The {what}, {found}, has more digits than can be kept exactly.",
            "too_large": "The {what}, {found}, is above {largest}: Exact keeps no larger amount in "
            "{currency} exactly. If it is right, split the order in Airbase.",
            "quantity": "The quantity {quantity} is not above zero.",
            "product": "{quantity} at {price} is not the line's amount of {amount}.",
        },
    ),
    CatalogueEntry(
        "UNKNOWN_STATE",
        Severity.EXCEPTION,
        "Airbase uses a word for a state that the profile does not have.",
        "Add the word to state_words of the connection's profile.",
        {
            "word": "Airbase says the {what} is {found}.",
        },
    ),
    CatalogueEntry(
        "UNKNOWN_OUTCOME",
        Severity.EXCEPTION,
        "Airbase uses a word for an outcome that the profile does not have.",
        "Add the word to outcome_words of the connection's profile.",
        {
            "word": "Airbase says the {what} is {found}.",
        },
    ),
    CatalogueEntry(
        "NOT_IN_AIRBASE",
        Severity.EXCEPTION,
        "Airbase does not have this record.",
        "Check that it still exists and that the profile's paths are right.",
        {
            "status": "It answered {status} at {path}.",
            "quoted": 'It answered {status} at {path} and says: "{text}"',
            "event_gone": "Its event is no longer kept.",
            "no_address": "Its id fits no address.",
        },
    ),
    CatalogueEntry(
        "AIRBASE_REFUSED",
        Severity.EXCEPTION,
        "Airbase refused the request.",
        "Check the profile's paths and the rights of the API key.",
        {
            "status": "It answered {status} at {path}.",
            "quoted": 'It answered {status} at {path} and says: "{text}"',
        },
    ),
    CatalogueEntry(
        "NOT_THE_ORDER",
        Severity.EXCEPTION,
        "Airbase returned a different order from the one requested.",
        "Check order_path and the field map of the connection's profile.",
        {
            "order": "It was {found}.",
            "vendor": "Vendor {found} came back.",
        },
    ),
    CatalogueEntry(
        "PROCESSING_FAILED",
        Severity.EXCEPTION,
        "The connector failed over this record, and stopped trying.",
        "Report it with the log of the time, and deploy a release that can process the record; it "
        "is tried once a day, and with `connector retry {connection} {record}`. If it is urgent, "
        "look in Exact whether it is there, and otherwise enter it by hand.",
        {
            "crash": "It failed {times} times, the last time with {error}.",
            "killed": "{times} times a process ended over it, out of time or memory.",
            "reading": "Reading it ended with {error}.",
        },
    ),
    CatalogueEntry(
        "UNREADABLE_EVENT",
        Severity.EXCEPTION,
        "An event or message cannot be read.",
        "See what came with `connector audit events {connection}`. Correct the sender, or "
        "event_order_id and the other paths in the connection's profile; `connector retry "
        "{connection} {record}` then reads everything again that is kept. If a newer release is "
        "needed, deploy it: a message is read again every hour. Meanwhile look up the orders in "
        "Airbase: `connector fetch {connection} ORDER`.",
        {
            "message": "{why}",
            "no_record": "The webhook names no record.",
            "compressed": "The body is compressed in a way that is not known, or is damaged.",
            "form": "The body is a form, not JSON.",
            "not_json": "The body is not JSON.",
            "not_object": "The body is JSON, but not one object.",
        },
    ),
    CatalogueEntry(
        "WEBHOOKS_REFUSED",
        Severity.EXCEPTION,
        "Webhook calls of {sender} are refused, and none was accepted since.",
        "Compare the signing secret and the scheme in {sender} with the connection's: `connector "
        "connection rotate {connection} {word}` makes or takes a new secret. If the calls are not "
        "{sender}'s, somebody else knows the address: nothing of theirs is used. Meanwhile orders "
        "are found through Airbase's list, later. The exception closes with an accepted call.",
        {
            "since": "Refused since {since} ({reason}); last accepted: {accepted}.",
        },
    ),
    CatalogueEntry(
        "UNKNOWN_TOPIC",
        Severity.NOTE,
        "Exact sent a notification of an unknown kind.",
        "Remove the subscription in Exact, or report the topic.",
        {
            "key": "Division {division}, key {key}.",
        },
    ),
    CatalogueEntry(
        "CONNECTION_GONE",
        Severity.EXCEPTION,
        "The connection of this record was removed.",
        "Add the connection again, or enter the order in Exact by hand.",
    ),
    CatalogueEntry(
        "SEVERAL_IN_EXACT",
        Severity.EXCEPTION,
        "Exact has more than one purchase order for this approval.",
        "Keep one of them in Exact and delete the others, then retry the order.",
        {
            "numbers": "Numbers: {numbers}.",
        },
    ),
    CatalogueEntry(
        "RECORD_IS_NEWER",
        Severity.EXCEPTION,
        "This version of the connector cannot read the record, because a newer one has written it.",
        "Deploy the newer version again, or install it if only this command is old.",
        {
            "why": "{why}.",
        },
    ),
    CatalogueEntry(
        "RECORD_TOO_LARGE",
        Severity.EXCEPTION,
        "The record is larger than the connector can store, so nothing more is done with it.",
        "Split the order in Airbase into smaller ones. If exceptions are listed beside this one, "
        "resolve them first: there may be more of them than are shown.",
        {
            "size": "This step needs more than the 4 MB that DynamoDB stores at once.",
        },
    ),
    CatalogueEntry(
        "CARRIER_TAKEN",
        Severity.EXCEPTION,
        "The item code that the connector would create is used for another GL account.",
        "Rename that item in Exact, or map the GL account to an item of your own.",
        {
            "account": "Item {item} does not book to GL account {account}.",
        },
    ),
    CatalogueEntry(
        "CREATED_ITEM_UNUSABLE",
        Severity.EXCEPTION,
        "The item that the connector creates for the GL account is in Exact but cannot be used: it "
        "is a stock item, not a purchase item, or not active on the date of the order.",
        "Correct that item in Exact, or map the GL account to an item of your own.",
        {
            "account": "It is the item for GL account {account}.",
        },
    ),
    CatalogueEntry(
        "UNIT_UNKNOWN",
        Severity.EXCEPTION,
        "The division does not have the unit for items and supplier links.",
        "Set item_unit of the division to a unit code that the division has in Exact.",
        {
            "unit": "Unit {unit} is not in division {division}.",
        },
    ),
    CatalogueEntry(
        "LISTED_ROW_UNREADABLE",
        Severity.NOTE,
        "Airbase's list of orders has rows that cannot be read.",
        "Compare the profile's orders_path, order.id and orders_compared with Airbase's answer.",
    ),
    CatalogueEntry(
        "LISTING_REFUSED",
        Severity.NOTE,
        "Airbase does not return the list of orders, so missed approvals are not found.",
        "Correct orders_path and orders_query of the profile; if the tenant has no list, "
        "leave orders_path empty.",
        {
            "reason": "{reason}",
        },
    ),
)
