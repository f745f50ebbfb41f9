"""Settings are changed one by one, with the difference shown; a file drops nothing unseen."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector_cli.commands import connection as connection_verbs
from connector_cli.commands.connect import session
from local.firm import BE
from local.in_memory.environment import FIRM
from ml_connector import clock
from ml_connector.connections import changes, manage
from ml_connector.connections.secrets import GivenSecrets
from ml_connector.domain.ids import Actor, ConnectionId, Division
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.secret_store import EXACT_APP
from ml_connector.mapping import files
from ml_connector.mapping.import_export import set_one
from ml_connector.notifications import setup as notifications
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection, ExactDivision, NotificationSettings
from ml_connector.settings.served_elsewhere import ServedElsewhere
from tests.cli.person import Person
from tests.person_stack import PERSON, PersonStack
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
    assert "VAT code (default_vat_code): only if something names one; payment condition" in shown
    assert "Mapped: 2 GL accounts and 1 VAT code." in shown
    assert "  notify.slack=true" in shown
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
    shown = person.run("connection", "set", FIRM, "name=", "--yes")[1]
    assert "name: Other name -> nothing" in shown
    shown = person.run("connection", "set", FIRM, "name=Firm", "--yes")[1]
    assert "name: nothing -> Firm" in shown


def test_the_language_and_zone_of_messages_are_set_and_shown(person: Person, env: TwoSites) -> None:
    keys = ("notify.language=nl", "notify.time_zone=Europe/Amsterdam")
    code, shown = person.run("connection", "set", FIRM, *keys, "--yes")
    assert (code, "notify.language: en -> nl" in shown) == (0, True), shown
    assert (now(env).notify.language, now(env).notify.time_zone) == ("nl", "Europe/Amsterdam")
    shown = person.run("connection", "show", FIRM)[1]
    assert "notify.language=nl" in shown
    assert "notify.time_zone=Europe/Amsterdam" in shown


@pytest.mark.parametrize(
    ("assignment", "refusal"),
    [
        ("nonsense", "write it as KEY=VALUE"),
        ("nonsense=1", "nonsense is not a setting; there are "),
        ("nl.2101.default_vat=1", "is not a setting; did you mean default_vat_code?"),
        ("notify.every_minutes=never", "notify.every_minutes: has to be a whole number"),
        ("notify.every_minutes=0", "notify.every_minutes: has to be at least 1"),
        ("notify.language=es", "notify.language: has to be 'en', 'nl', 'de' or 'fr'"),
        ("notify.time_zone=Mars", "notify.time_zone: unknown time zone 'Mars'"),
        ("notify.slack=perhaps", "notify.slack: has to be true or false"),
        ("be.2101.currency=euro", "be.2101.currency: has to be a currency in three capital"),
        ("vendors.links=x", "vendors.links: has to be 'automatic' or 'review'"),
        ("post_orders_from=soon", "post_orders_from: has to be a day, as in 2026-11-20"),
        ("nl.2101.other_currencies=EUR", 'has to be a list, as in ["one", "another"]'),
        ("nl.time_zone=Mars", "nl.time_zone: unknown time zone 'Mars'"),
        ("limits.calls_per_day=1", "belongs to a site"),
        ("nl.2101.mappings.gl_accounts=1", f"`connector map import {FIRM} FILE` changes mappings"),
        ("id=other", "is not set here"),
        ("name.first=x", "name is no group of settings; the divisions are "),
        ("nl.2102.default_vat_code=1", "2102 is no group of settings; the divisions are nl.2101"),
        ("default_vat_code=1", "belongs to a division: write nl.2101 or be.2101 and a dot"),
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


def with_mapping(connection: Connection) -> Connection:
    def mapped(division: ExactDivision) -> ExactDivision:
        mappings = division.mappings.model_copy(update={"gl_accounts": {"IT": "4100"}})
        return division.model_copy(update={"mappings": mappings})

    return connection.with_divisions(mapped)


@pytest.fixture
def file(person: Person, env: TwoSites, tmp_path: Path) -> Path:
    """Return the file of the connection as it was before its mappings were imported."""
    assert person.run("connect", FIRM, "--yes")[0] == 0
    before = now(env)
    path = tmp_path / "firm.json"
    path.write_text(json.dumps(before.model_dump(mode="json")), encoding="utf-8")
    env.services.connections.save(with_mapping(before))
    return path


CONNECT = ("connect", FIRM, "--config")
LOST = "nl.2101.mappings.gl_accounts: 1 entry -> 0 entries"


def test_connecting_with_an_older_file_drops_nothing_unseen(
    person: Person, env: TwoSites, file: Path
) -> None:
    before = now(env)
    for words in (["--yes"], ["--json"], ["--yes", "--json"]):
        code, shown = person.run(*CONNECT, str(file), *words)
        assert (code, LOST in shown, "pass --drop" in shown) == (2, True, True), shown
        assert now(env) == before
    code, shown = person.run(*CONNECT, str(file), answers=[("Drop what", "n")])
    assert (code, now(env)) == (2, before)
    answers = [("Drop what", "y"), ("Save", "n")]
    code, shown = person.run(*CONNECT, str(file), answers=answers)
    assert (code, now(env)) == (2, before)
    code, shown = person.run(*CONNECT, str(file), "--yes", "--drop", "--json")
    assert code == 0, shown
    assert LOST in json.loads(shown)["differences"]
    assert not now(env).division(NL_DIVISION).mappings.gl_accounts  # type: ignore[union-attr]


def test_connecting_with_a_file_of_one_site_does_not_forget_the_other(
    person: Person, env: TwoSites, file: Path
) -> None:
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({**settings, "sites": settings["sites"][:1]}), encoding="utf-8")
    before, store = now(env), env.memory.secret_store
    app = store.read_plain(EXACT_APP, before.sites[1].id)
    code, shown = person.run(*CONNECT, str(file), "--yes")
    assert (code, "be.2101.subsidiaries" in shown) == (2, True), shown
    assert now(env) == before
    assert "not saved" not in person.run("connection", "list")[1], "there is nothing to go on with"
    assert app == store.read_plain(EXACT_APP, before.sites[1].id) != None  # noqa: E711


def test_what_was_answered_and_is_not_in_the_file_stays(
    person: Person, env: TwoSites, file: Path
) -> None:
    def answered(division: ExactDivision) -> ExactDivision:
        codes = {"default_vat_code": "21", "default_payment_condition": "30"}
        return division.model_copy(update=codes)

    more = {
        "notify": NotificationSettings(slack=True),
        "served_elsewhere": (ServedElsewhere(subsidiary="sub-de"),),
    }
    before = now(env).with_divisions(answered).model_copy(update=more)
    env.services.connections.save(before)
    settings = json.loads(file.read_text())
    for name in ("notify", "name", "airbase_base_url"):
        del settings[name]
    for site in settings["sites"]:
        del site["exact_callback_url"]
        for division in site["divisions"]:
            for name in ("default_vat_code", "default_payment_condition", "subsidiaries"):
                del division[name]
            division["mappings"] = {"gl_accounts": {"IT": "4100"}}
    file.write_text(json.dumps(settings), encoding="utf-8")
    code, shown = person.run(*CONNECT, str(file), "--yes")
    assert (code, "Nothing to change" in shown) == (0, True), shown
    assert now(env) == before
    settings["sites"][1]["divisions"][0]["subsidiaries"] = [BE.subsidiary, "sub-de"]
    file.write_text(json.dumps(settings), encoding="utf-8")
    code, shown = person.run(*CONNECT, str(file), "--yes", "--drop")
    assert (code, now(env).served_elsewhere) == (0, ()), shown


def meanwhile(
    person: Person, env: TwoSites, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]
) -> None:
    """Have somebody else change the connection while the person is asked whether to go on."""

    def asked(*_: object, **__: object) -> bool:
        change()
        return True

    for module in (connection_verbs, session):
        monkeypatch.setattr(module, "is_confirmed", asked)


def test_two_people_who_change_settings_at_once_lose_nothing(
    person: Person, env: TwoSites, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = PersonStack(env)

    def other() -> None:
        changed = changes.changed(now(env), ["be.2101.default_vat_code=007"])
        manage.add(stack, Actor("connector colleague"), changed, GivenSecrets())

    meanwhile(person, env, monkeypatch, other)
    code, shown = person.run("connection", "set", FIRM, "notify.slack=true")
    assert code == 2
    for part in (
        f"{FIRM} was changed by connector colleague at 2026-",
        "yours was not saved",
        f"connector connection show {FIRM}",
        "be.2101.default_vat_code: ",
    ):
        assert part in shown
    assert (now(env).divisions[1].default_vat_code, now(env).notify.slack) == ("007", False)
    monkeypatch.undo()
    again = Person(env, person.capsys, monkeypatch)
    assert again.run("connection", "set", FIRM, "notify.slack=true", "--yes")[0] == 0
    assert (now(env).divisions[1].default_vat_code, now(env).notify.slack) == ("007", True)


def a_rule(env: TwoSites) -> None:
    where = NL_DIVISION
    set_one(PersonStack(env), PERSON, FIRM, where, "gl_accounts", "8801", "4100")


@pytest.mark.parametrize("verb", ["set", "add", "connect"])
def test_a_rule_made_on_a_page_meanwhile_is_not_lost(
    person: Person, env: TwoSites, file: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    meanwhile(person, env, monkeypatch, lambda: a_rule(env))
    words = {
        "set": ("connection", "set", FIRM, "notify.slack=true"),
        "add": ("connection", "add", str(file)),
        "connect": (*CONNECT, str(file), "--drop"),
    }[verb]
    code, shown = person.run(*words)
    assert (code, f"{FIRM} was changed (mappings) by {PERSON} at " in shown) == (2, True), shown
    mapped = now(env).division(NL_DIVISION).mappings.gl_accounts  # type: ignore[union-attr]
    assert mapped == {"IT": "4100", "8801": "4100"}
    assert now(env).notify.slack is False


def test_a_change_between_the_last_look_and_the_save_is_seen_too(
    person: Person, env: TwoSites, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = manage.record_step

    def slow(*given: object, **detail: object) -> None:
        monkeypatch.setattr(manage, "record_step", record)
        record(*given, **detail)  # type: ignore[arg-type]
        a_rule(env)

    monkeypatch.setattr(manage, "record_step", slow)
    code, shown = person.run("connection", "set", FIRM, "notify.slack=true", "--yes")
    assert (code, f"was changed (mappings) by {PERSON}" in shown) == (2, True), shown
    assert now(env).notify.slack is False
    steps = [entry.step for entry in env.services.ledger_of(FIRM).trail(CONNECTION)]
    assert steps[-3:] == ["connection_changed", "mappings_changed", "connection_not_changed"]


def test_mappings_are_not_imported_over_somebody_elses(
    person: Person, env: TwoSites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = files.read
    path = tmp_path / "map.csv"
    path.write_text("division,kind,airbase,exact\nnl.2101,gl_accounts,mine,4100\n")

    def slow(path: Path) -> object:
        a_rule(env)
        return read(path)

    monkeypatch.setattr(files, "read", slow)
    code, shown = person.run("map", "import", FIRM, str(path))
    assert (code, f"was changed (mappings) by {PERSON} at " in shown) == (2, True), shown


def test_switching_slack_on_keeps_what_was_changed_at_the_same_time(env: TwoSites) -> None:
    store, stack = env.services.connections, PersonStack(env)
    versioned = store.versioned

    def slow(id: ConnectionId) -> object:
        found = versioned(id)
        store.versioned = versioned  # type: ignore[method-assign]
        store.save(with_mapping(now(env)))
        return found

    store.versioned = slow  # type: ignore[method-assign, assignment]
    url = Secret("https://hooks.slack.com/services/T0/B0/secret")
    notifications.store_slack(stack, PERSON, FIRM, url)
    assert now(env) == with_mapping(now(env))
    assert now(env).notify.slack is True
