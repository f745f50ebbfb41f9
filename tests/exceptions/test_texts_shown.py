"""Whatever a person reads about an exception has its values filled in."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector_cli
import ml_connector
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.exceptions.codes import explain
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.notification_outbox import Notification, OutboxItem
from ml_connector.infrastructure.record_codec import encode
from ml_connector.notifications.text import compose
from ml_connector.settings.connection import Connection
from tests.exceptions.placeholders import placeholders_in

SOURCES = [Path(package.__file__ or "").parent for package in (ml_connector, connector_cli)]
A_HIDDEN_SECRET = "<secret>"


@pytest.fixture
def connection(env: InMemoryEnvironment) -> Connection:
    env.connect()
    found = env.services.connections.get(FIRM)
    assert found
    return found


def test_the_explanation_of_every_code() -> None:
    shown = json.dumps([explain(code) for code in CATALOGUE])
    assert placeholders_in(shown.replace("[{", "").replace("}]", "")) == []


@pytest.mark.parametrize("details", [True, False])
def test_a_message_about_every_code(connection: Connection, *, details: bool) -> None:
    notify = connection.notify.model_copy(update={"details": details})
    connection = connection.model_copy(update={"notify": notify})
    for code in CATALOGUE:
        for kind in ("exception", "halt"):
            item = OutboxItem("key", "2026-11-30T08:00:00", (Notification(kind, code, "PO-1"),))
            subject, text, _ = compose(connection, [item])
            assert placeholders_in(subject + text) == []
            assert "CONNECTION" not in text.replace(code, ""), "the connection is known"


def test_a_message_has_the_values_of_the_only_remedy(connection: Connection) -> None:
    opened = [
        Notification("exception", "POSSIBLE_DUPLICATE", name, remedy=f"Run it for {name}.")
        for name in ("PO-1", "PO-2")
    ]
    one = compose(connection, [OutboxItem("key", "2026-11-30T08:00:00", tuple(opened[:1]))])[1]
    assert "To do: Run it for PO-1." in one
    both = compose(connection, [OutboxItem("key", "2026-11-30T08:00:00", tuple(opened))])[1]
    assert f"`connector adopt {FIRM} ORDER --exact-number NUMBER`" in both
    assert "Run it for" not in both


def test_what_a_lost_consent_and_an_order_leave_in_ledger_and_trail(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    env.post(env.order("PO-1", vendor="Nieuwkomer Catering"))
    env.exact.revoke_consent()
    env.wait(hours=1)
    env.post(env.order("PO-2"))
    ledger = env.services.ledger_of(FIRM)
    kept = list(ledger.records())
    texts = [text for record in kept for text in texts_in(encode(record.facts))]
    texts += [
        text
        for record in kept
        for entry in ledger.trail(record.key)
        for text in texts_in(entry.detail)
    ]
    assert [text for text in texts if placeholders_in(text)] == []
    remedies = [halt.remedy for halt in Halts(ledger).all().values()]
    assert [f"`connector connection consent {FIRM}`" in remedy for remedy in remedies] == [True]


def test_a_refusal_by_exact_names_the_connection(env: InMemoryEnvironment) -> None:
    env.connect()
    env.exact.world.divisions[NL.division].in_scope = False
    env.post(env.order("PO-1"))
    (halt,) = Halts(env.services.ledger_of(FIRM)).all().values()
    assert halt.code == "EXACT_DIVISION_NOT_ALLOWED"
    assert f"`connector connection consent {FIRM}`" in halt.remedy


def test_no_text_of_the_source_has_a_placeholder() -> None:
    found = [
        (path.name, text)
        for source in SOURCES
        for path in sorted(source.rglob("*.py"))
        for text in said_in(ast.parse(path.read_text("utf-8")))
        if "<" in text and [each for each in placeholders_in(text) if each[0] == "<"]
    ]
    other = {
        "message.py",
        "report_files.py",
        "pages.py",
        "printed_pages.py",
        "telemetry.py",
        "difference_words.py",
    }  # HTML, regular expressions
    left = [each for each in found if each[0] not in other]
    assert [each for each in left if A_HIDDEN_SECRET not in each[1]] == []


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)


def said_in(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module, except its docstrings."""
    quiet = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.value
