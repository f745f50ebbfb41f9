"""Names that must not change between releases: a renamed table is a new, empty one.

`stable_names.json` holds the names of the first deployed release. Adding one is fine; changing or
removing one needs a migration.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from local.in_memory.environment import InMemoryEnvironment
from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.domain.ids import ConnectionId, Division, OrderId, RecordKey, VendorId
from ml_connector.domain.orders.marker import marker
from ml_connector.infrastructure.queues import Message
from ml_connector.infrastructure.secret_store import CONSOLE_CLIENT, KINDS
from ml_connector.messages.kinds import PersonDeed, UnknownMessage, encode
from ml_connector.messages.parsing import parse
from ml_connector.messages.sending import (
    changed_order_message,
    deed_message,
    listing_message,
    order_message,
    reconcile_message,
    recover_message,
    refresh_message,
    suppliers_message,
    vendor_message,
)
from tests.migrations.older_items import older_items
from tests.template.deployed import deployed, properties, resources

STABLE: dict[str, Any] = json.loads(Path(__file__).with_name("stable_names.json").read_text())
_VARIABLE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{8,}|\d[\d:.T+-]*")


def test_logical_ids_and_outputs() -> None:
    found = {_without_digest(id): each["Type"] for id, each in deployed().resources.items()}
    assert {id: found.get(id) for id in STABLE["resources"]} == STABLE["resources"]
    assert set(STABLE["outputs"]) <= set(deployed().cloudformation["Outputs"])


def _without_digest(id: str) -> str:
    """Return a logical id as the template has it: SAM adds the content's digest to a layer's."""
    return re.sub(r"^(ConnectorLayer|ConsoleLayer)[0-9a-f]{10}$", r"\1", id)


def test_keys_and_indexes_of_every_table() -> None:
    assert {name: keys_of(name) for name in resources("AWS::DynamoDB::Table")} == STABLE["tables"]


def test_secrets_metrics_codes_and_marker() -> None:
    assert [*KINDS, CONSOLE_CLIENT] == STABLE["secrets"]
    alarms = resources("AWS::CloudWatch::Alarm").values()
    assert sorted({str(alarm["MetricName"]) for alarm in alarms}) == STABLE["metrics"]
    assert set(STABLE["codes"]) <= set(CATALOGUE)
    assert marker(ConnectionId("firm"), OrderId("po-1"), "revision") == STABLE["marker"]


def test_messages_and_their_groups() -> None:
    assert [as_sent(each) for each in messages()] == STABLE["messages"]


def test_stored_items_keep_their_attributes(env: InMemoryEnvironment) -> None:
    run_scenario(env)
    for name, stored in STABLE["items"].items():
        found = shapes(getattr(env.memory.tables, name))
        lost = {key: set(names) - set(found.get(key, ())) for key, names in stored.items()}
        assert {key: names for key, names in lost.items() if names or key not in found} == {}, name


def test_the_shapes_of_older_versions_are_written_in_tests() -> None:
    """`tests/migrations` reads items of these shapes with today's code."""
    found = {name: OldTable(items) for name, items in older_items("firm").items()}
    assert {name: shapes(table) for name, table in found.items()} == STABLE["older"]["items"]


def test_messages_that_older_versions_queued_are_read() -> None:
    for older in STABLE["older"]["messages"]:
        read = parse(older["body"])
        assert not isinstance(read, UnknownMessage)
        assert encode(read) == older["body"]


class OldTable(NamedTuple):
    """Items of a table."""

    stored: list[Any]

    def items(self) -> list[Any]:
        return self.stored


def keys_of(table: str) -> dict[str, Any]:
    """Return a table's key attributes, and those of each index."""
    found = properties(table)
    indexes = found.get("GlobalSecondaryIndexes", [])
    return {
        "": [key["AttributeName"] for key in found["KeySchema"]],
        **{i["IndexName"]: [key["AttributeName"] for key in i["KeySchema"]] for i in indexes},
    }


def messages() -> list[Message]:
    """Return one message of each kind that the workers send."""
    firm, order = ConnectionId("firm"), OrderId("po-1")
    division = Division("nl.2101")
    return [
        order_message(firm, order, by_hand=True),
        changed_order_message(firm, order),
        refresh_message(firm, division, everything=True),
        listing_message(firm),
        recover_message(firm, "halts"),
        deed_message(
            PersonDeed(
                connection=firm,
                deed="dismiss",
                record=RecordKey("order#po-1"),
                issuer="https://idp.example",
                subject="s-1",
                person="A person",
                problem="0123456789abcdef",
                reason="Entered by hand",
            )
        ),
        vendor_message(firm, VendorId("v-1"), name="Example", code="1"),
        suppliers_message(firm, division),
        reconcile_message(firm),
    ]


def as_sent(message: Message) -> dict[str, Any]:
    return {"queue": message.queue, "group": message.group, "body": dict(message.body)}


def run_scenario(env: InMemoryEnvironment) -> None:
    """Post, refuse, amend, lose the consent, wait."""
    env.connect()
    env.wait(minutes=2)
    env.post(env.order("PO-1"))
    env.post(env.order("PO-2", vendor="Nieuwkomer Catering"))
    changed = env.order("PO-3")
    env.post(changed)
    changed["expense_list"][0]["amount"] = changed["total_amount"] = "1300.00"
    env.clock.move(60)
    env.post(changed)
    env.wait(hours=5)
    env.exact.revoke_consent()
    env.wait(hours=1)
    env.post(env.order("PO-4"))
    env.wait(days=1)


def shapes(table: Any) -> dict[str, list[str]]:
    """Return the attributes of a table's items by the pattern of their keys."""
    found: dict[str, set[str]] = {}
    for item in table.items():
        key = " / ".join(_VARIABLE.sub("*", str(item[name])) for name in ("pk", "sk"))
        named = re.sub(r"(name|code|spelling|family|word)[^#/]*#[^#]+", r"\1#*", key)
        found.setdefault(named, set()).update(_names(item))
    return {key: sorted(names) for key, names in sorted(found.items())}


def _names(item: dict[str, Any]) -> set[str]:
    """Return the attributes, and the names inside those that hold JSON."""
    names = set(item)
    for name, value in item.items():
        if isinstance(value, str) and value.startswith(("{", "[")):
            names |= {f"{name}.{inner}" for inner in _inner(json.loads(value))}
    return names


def _inner(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for each in value for name in _inner(each)}
    # A fact at its default need not be stored.
    return {name for name, inner in value.items() if inner} if isinstance(value, dict) else set()
