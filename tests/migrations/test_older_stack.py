"""Orders are posted on a stack that an older version has left, before and after its migration."""

from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.migrations import division_keys
from ml_connector.migrations.run import migrate
from tests.migrations.old_stack import forget_form
from tests.person_stack import PERSON, PersonStack


@pytest.fixture
def older(at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch) -> InMemoryEnvironment:
    """The demo firm as an older version has stored it, and workers that have just started."""
    at_rest.post(at_rest.order("PO-0"))
    tables: Any = at_rest.memory.tables
    for table in (tables.mappings, tables.reference, tables.ledger):
        for item in table.items():
            table.delete(item["pk"], item["sk"])
            table.put({name: without_site(value) for name, value in item.items()})
    forget_form(at_rest)
    at_rest.services = at_rest.memory.services()
    monkeypatch.setattr(division_keys, "_sleep", at_rest.clock.move)
    return at_rest


def without_site(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for newer, old in (("#nl.", "#"), ('"nl.', '"'), ('"site":"nl",', "")):
        value = value.replace(newer, old)
    return value


def keys(env: InMemoryEnvironment, text: str) -> list[str]:
    tables: Any = env.memory.tables
    found = (
        f"{i['pk']} / {i['sk']}" for t in (tables.mappings, tables.reference) for i in t.items()
    )
    return [key for key in found if text in key]


def states(env: InMemoryEnvironment) -> set[str]:
    return {each.state for each in env.services.ledger_of(FIRM).orders()}


def test_orders_are_posted_before_and_after(older: InMemoryEnvironment) -> None:
    assert keys(older, "#2101")
    assert keys(older, "nl.") == []
    older.post(older.order("PO-1"))
    assert states(older) == {"posted"}
    assert keys(older, "#nl.2101 /") == [], "workers stay with the old partition until it is moved"
    migrate(PersonStack(older), PERSON)
    assert keys(older, "#2101") == []
    assert keys(older, "#nl.2101 /")
    older.post(older.order("PO-2"))
    older.services = older.memory.services()
    older.post(older.order("PO-3"))
    older.wait(days=1)
    assert states(older) == {"posted"}
    assert len(older.in_exact()) == 4
