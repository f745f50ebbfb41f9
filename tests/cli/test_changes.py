"""Settings are changed one by one, with the difference shown; a file drops nothing unseen."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.in_memory.environment import FIRM
from ml_connector import clock
from ml_connector.domain.ids import Division
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.settings.connection import Connection
from tests.cli.person import Person
from tests.two_sites import BE_DIVISION, TwoSites

NL_DIVISION = Division("nl.2101")


@pytest.fixture
def env() -> Iterator[TwoSites]:
    made = TwoSites()
    made.connect_both()
    yield made
    clock.read_from(clock.MovableClock())


@pytest.fixture
def person(
    env: TwoSites, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Person:
    return Person(env, capsys, monkeypatch)


def now(env: TwoSites) -> Connection:
    found = env.services.connections.get(FIRM)
    assert found is not None
    return env.services.connections.whole(found)


def test_a_connection_is_shown_in_words(person: Person, env: TwoSites) -> None:
    assert person.run("connection", "set", FIRM, "notify.slack=true", "--yes")[0] == 0
    found = now(env)
    mapped = found.with_divisions(
        lambda each: each.model_copy(
            update={
                "default_vat_code": None,
                "mappings": each.mappings.model_copy(
                    update={"gl_accounts": {"a": "4100", "b": "4200"}, "vat_codes": {"h": "21"}}
                ),
            }
        )
    )
    env.services.connections.save(mapped)
    code, shown = person.run("connection", "show", FIRM)
    assert code == 0, shown
    assert f"{found.name}, with Airbase at {found.airbase_base_url}." in shown
    assert f"{NL_DIVISION} " in shown
    assert f"serves {found.divisions[0].subsidiaries[0]}" in shown
    assert "VAT code only if something names one; payment condition" in shown
    assert "Mapped: 2 GL accounts and 1 VAT code." in shown
    assert "  notify.slack=True" in shown
    assert "{" not in shown, "no JSON"
    assert "rate_floor" not in shown, "what is as usual is not said"
    config = json.loads(person.run("connection", "show", FIRM, "--json")[1])["config"]
    assert config["notify"]["slack"] is True


def test_single_settings_are_changed_with_their_difference(person: Person, env: TwoSites) -> None:
    keys = ("be.2101.default_vat_code=007", "nl.limits.calls_per_day=900", "notify.slack=true")
    code, shown = person.run(
        "connection", "set", FIRM, *keys, "name=Other name", answers=[("Change", "")]
    )
    assert code == 0, shown
    assert "be.2101.default_vat_code: 21 -> 007" in shown or "-> 007" in shown
    assert "notify.slack: False -> True" in shown
    found = now(env)
    belgian = found.division(BE_DIVISION)
    assert belgian is not None
    assert belgian.default_vat_code == "007", "a code is a text, with its zeros"
    assert [s.limits.calls_per_day for s in found.sites] == [900, 5000]
    assert (found.notify.slack, found.name) == (True, "Other name")
    code, shown = person.run("connection", "set", FIRM, "be.2101.default_vat_code=", "--yes")
    assert now(env).division(BE_DIVISION).default_vat_code is None  # type: ignore[union-attr]
    trail = list(env.services.ledger_of(FIRM).trail(CONNECTION))
    changed = [entry.detail for entry in trail if entry.step == "connection_changed"]
    assert changed[-1]["changed"] == ["be.2101.default_vat_code: 007 -> nothing"]
    code, shown = person.run("connection", "set", FIRM, "name=Other name")
    assert f"Nothing to change in {FIRM}" in shown


@pytest.mark.parametrize(
    ("assignment", "refusal"),
    [
        ("nonsense", "write it as KEY=VALUE"),
        ("nonsense=1", "is not a setting here"),
        ("notify.every_minutes=never", "notify.every_minutes"),
        ("limits.calls_per_day=1", "belongs to a site"),
        ("nl.2101.mappings.gl_accounts=1", "`connector map import` changes mappings"),
        ("id=other", "is not set here"),
        ("name.first=x", "there is no table name here"),
        ("2101.default_vat_code=1", "division of several sites"),
    ],
)
def test_what_cannot_be_set_is_refused_in_words(
    person: Person, env: TwoSites, assignment: str, refusal: str
) -> None:
    before = now(env)
    code, shown = person.run("connection", "set", FIRM, assignment, "--yes")
    assert (code, refusal in shown) == (2, True), shown
    assert now(env) == before


def test_an_older_file_does_not_wipe_mappings_without_a_word(
    person: Person, env: TwoSites, tmp_path: Path
) -> None:
    before = now(env)
    file = tmp_path / "firm.json"
    file.write_text(json.dumps(before.model_dump(mode="json")), encoding="utf-8")

    def mapped(division: object) -> object:
        mappings = division.mappings.model_copy(update={"gl_accounts": {"IT": "4100"}})  # type: ignore[attr-defined]
        return division.model_copy(update={"mappings": mappings})  # type: ignore[attr-defined]

    env.services.connections.save(before.with_divisions(mapped))  # type: ignore[arg-type]
    code, shown = person.run("connection", "add", str(file), "--json")
    assert code == 2
    assert "nl.2101.mappings.gl_accounts: 1 entry -> 0 entries" in shown
    code, shown = person.run("connection", "add", str(file), answers=[("Drop what", "n")])
    assert code == 2
    assert now(env).division(NL_DIVISION).mappings.gl_accounts == {"IT": "4100"}  # type: ignore[union-attr]
    code, shown = person.run("connection", "add", str(file), "--yes")
    assert code == 0, shown
    assert now(env) == before
