"""An answer of the command line is true: a filter without a match is not good news."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector_cli.commands import operations
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import SimulatedFault
from ml_connector import clock
from ml_connector.domain.ids import OrderId
from ml_connector.infrastructure.ledger import new_order
from ml_connector.purchase_orders.preview import preview
from ml_connector.settings.connection import Connection
from tests.cli.person import Person
from tests.cli.terminal import Terminal


@pytest.fixture
def env() -> Iterator[InMemoryEnvironment]:
    made = InMemoryEnvironment()
    made.connect()
    yield made
    clock.read_from(clock.MovableClock())


@pytest.fixture
def person(
    env: InMemoryEnvironment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Person:
    return Person(env, capsys, monkeypatch)


def stored(env: InMemoryEnvironment) -> list[str]:
    return [str(each.key) for each in env.services.ledger_of(FIRM).records("order#")]


def test_no_open_exceptions_is_said_only_where_there_are_none(
    person: Person, env: InMemoryEnvironment
) -> None:
    assert person.run("exceptions") == (0, "No open exceptions.\n")
    env.post(env.order("PO-1", currency="USD"))
    said = person.run("exceptions", FIRM, "--assigned-to", "finanse")
    assert said == (0, "The one open exception does not match.\n")
    env.post(env.order("PO-2", currency="USD"))
    said = person.run("exceptions", "--code", "gl_account_blocked")
    assert said == (0, "None of the 2 open exceptions matches.\n")
    code, shown = person.run("exceptions", "--assigned-to", "finanse", "--json")
    assert (code, json.loads(shown)) == (0, [])


def test_no_orders_is_said_only_where_there_are_none(
    person: Person, env: InMemoryEnvironment
) -> None:
    assert person.run("orders", FIRM) == (0, "No orders found.\n")
    env.post(env.order("PO-1"))
    said = person.run("orders", FIRM, "--state", "review")
    assert said == (0, "The one order does not match.\n")
    env.post(env.order("PO-2"))
    said = person.run("orders", FIRM, "--search", "PO-3")
    assert said == (0, "None of the 2 orders matches.\n")


def test_a_half_made_connection_is_no_good_news(person: Person, env: InMemoryEnvironment) -> None:
    bare = Connection.model_validate(env.config() | {"id": "bare"})
    env.services.connections.save(bare)
    said = "Nothing can be said of bare yet: Exact was never read in nl.2101"
    for words in (("exceptions", "bare"), ("exceptions",)):
        code, shown = person.run(*words)
        assert code == 0
        assert "No open exceptions" not in shown
        assert said in shown
        assert "`connector ping bare`" in shown
    assert person.run("exceptions", FIRM)[1] == "No open exceptions.\n"


def test_without_any_connection_nothing_can_be_open(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(InMemoryEnvironment(), capsys, monkeypatch)
    assert "There is no connection yet" in person.run("exceptions")[1]


@pytest.mark.parametrize("word", ["nonsense", "", "new", "postd"])
def test_a_state_that_does_not_exist_is_refused_with_those_that_do(
    person: Person, word: str
) -> None:
    code, shown = person.run("orders", FIRM, "--state", "posted", "--state", word)
    assert code == 2
    assert f"there is no state {word!r}: use received, review, set_aside" in shown


def test_a_state_is_taken_as_it_is_shown(person: Person, env: InMemoryEnvironment) -> None:
    env.post(env.order())
    assert "PO-1" in person.run("orders", FIRM, "--state", "Posted")[1]
    for word in ("Set aside", "set-aside", "set_aside"):
        assert person.run("orders", FIRM, "--state", word)[0] == 0


@pytest.mark.parametrize("name", ["PO-404", "", "..", "nonsense/1"])
def test_fetch_of_nothing_leaves_nothing(
    person: Person, env: InMemoryEnvironment, name: str
) -> None:
    code, shown = person.run("fetch", FIRM, name)
    assert code == 2
    assert f"Airbase has no order with the id {name!r}; nothing was queued." in shown
    env.work()
    assert stored(env) == []


def test_fetch_leaves_nothing_while_airbase_does_not_say(
    person: Person, env: InMemoryEnvironment
) -> None:
    order = env.order()
    env.airbase.faults.append(SimulatedFault("unavailable"))
    code, shown = person.run("fetch", FIRM, order["id"])
    assert code != 0
    assert "Nothing was queued: try again." in shown
    assert stored(env) == []


def test_an_order_is_fetched_by_its_id_and_a_known_one_by_its_number(
    person: Person, env: InMemoryEnvironment
) -> None:
    order = env.order()
    assert person.run("fetch", FIRM, order["id"]) == (0, f"Queued {order['id']}.\n")
    env.work()
    assert env.record(order).state == "posted"
    assert person.run("fetch", FIRM, "PO-1") == (0, "Queued PO-1.\n")
    assert stored(env) == [f"order#{order['id']}"]


@pytest.mark.parametrize(
    "text",
    ["2026-11-20", "2026-11-20T10:00", "2026-11-20 10:00", "20261120", "2026-11-20T10:00:30"],
)
def test_restored_takes_the_time_that_it_proposes(person: Person, text: str) -> None:
    code, shown = person.run("restored", FIRM, "--to", text)
    assert code == 2
    proposed = shown.partition(": write ")[2].partition(" for UTC")[0]
    assert operations._read_time(proposed) == datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_day_of_utc_is_its_beginning() -> None:
    assert operations._read_time("2026-11-20Z") == operations._read_time("2026-11-20T00:00Z")


def test_a_preview_names_the_lines_that_would_go_without_vat(
    person: Person, env: InMemoryEnvironment
) -> None:
    order = env.order()
    id = OrderId(order["id"])
    assert preview(env.services_of(FIRM), new_order(FIRM, id)).as_dict()["warnings"] == []
    bare = env.connection().with_divisions(
        lambda each: each.model_copy(update={"default_vat_code": None})
    )
    env.services.connections.save(bare)
    code, shown = person.run("preview", FIRM, id)
    assert code == 0
    assert "would be posted" in shown
    assert "No VAT code is found for line 1 of PO-1, and division nl.2101 has no default" in shown
    assert f"connector connection set {FIRM} nl.2101.default_vat_code=CODE" in shown
    assert "No VAT code is found" in person.run("preview", FIRM, "--open")[1]


def titles(person: Person, *words: str) -> list[str]:
    person.capsys.readouterr()  # what workers logged meanwhile
    code, shown = person.run("orders", FIRM, *words, "--json")
    assert code == 0, shown
    return [each["title"] for each in json.loads(shown)]


def test_orders_are_searched_limited_and_listed_since(
    person: Person, env: InMemoryEnvironment
) -> None:
    env.post(env.order("PO-1"))
    env.wait(hours=50)
    day = f"{clock.now():%Y-%m-%d}"
    env.post(env.order("PO-2", vendor="Expo Partners"))
    env.post(env.order("PO-3", currency="USD"))
    assert titles(person) == ["PO-1", "PO-2", "PO-3"]
    assert titles(person, "--limit", "2") == ["PO-2", "PO-3"], "the newest, the oldest first"
    assert titles(person, "--since", "1d") == ["PO-2", "PO-3"]
    assert titles(person, "--since", day) == ["PO-2", "PO-3"]
    assert titles(person, "--since", "9w", "--limit", "1") == ["PO-3"]
    assert titles(person, "--search", "expo part") == ["PO-2"]
    assert titles(person, "--search", "po-3", "--state", "posted") == []
    assert titles(person, "--search", "usd") == ["PO-3"]
    for word in ("yesterday", ""):
        assert person.run("orders", FIRM, "--since", word)[0] == 2
    assert "--limit" in Terminal().refused("orders", FIRM, "--limit", "0")


def test_lists_are_written_for_a_spreadsheet(
    person: Person, env: InMemoryEnvironment, tmp_path: Path
) -> None:
    env.post(env.order("PO-1", currency="USD"))
    env.post(env.order("=1+1"))
    for verb, count in (("orders", "2 lines"), ("exceptions", "1 line")):
        path = tmp_path / f"{verb}.csv"
        assert person.run(verb, FIRM, "--csv", str(path)) == (0, f"{count} written to {path}.\n")
        assert path.stat().st_mode & 0o777 == 0o600
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert "CURRENCY_NOT_ACTIVE" in str(rows[0])
        assert rows[0]["title"] == "PO-1"
        assert all(row["title"] != "=1+1" for row in rows), "no formula"
        said = person.run(verb, FIRM, "--csv", str(tmp_path / "none" / "x.csv"))
        assert (said[0], "there is no folder" in said[1]) == (2, True)


def test_a_list_can_be_written_to_standard_output(person: Person, env: InMemoryEnvironment) -> None:
    env.post(env.order("PO-1", currency="USD"))
    for verb in ("orders", "exceptions"):
        code, shown = person.run(verb, FIRM, "--csv", "-")
        assert code == 0
        rows = list(csv.DictReader(shown.removeprefix("\ufeff").splitlines()))
        assert [row["title"] for row in rows] == ["PO-1"], "nothing but the list"
    code, shown = person.run("map", "export", FIRM, "--out", "-")
    assert code == 0
    assert shown.removeprefix("\ufeff").startswith("division,")
    assert "written" not in shown


def test_orders_have_their_vendor_and_total(person: Person, env: InMemoryEnvironment) -> None:
    env.post(env.order("PO-1", currency="USD"))
    _, shown = person.run("orders", FIRM)
    for text in ("Vendor", "Total", "Cloudwerk", "USD 1,250.00"):
        assert text in shown


def test_an_exception_says_what_to_type(person: Person, env: InMemoryEnvironment) -> None:
    env.post(env.order("PO 1", vendor="Nieuwkomer Catering"))
    _, shown = person.run("exceptions", FIRM)
    assert f"  Next: `connector vendors list {FIRM} --waiting`\n" in shown
    assert "UTC (" in shown
