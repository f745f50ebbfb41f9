"""The first hour of a firm with two Exact sites, typed by a person who makes mistakes."""

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.exact_simulator import ExactSimulator
from local.firm import BE, DE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts, InMemoryStack
from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.drafts import Drafts
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP, EXACT_WEBHOOK
from tests.cli.person import CTRL_C, Answers, Person

CODE = NL.division
KEY, CLIENT, SECRET = "Airbase API key", "Exact client id at", "Exact client secret at"
WEBHOOK, ENTER = "Exact webhook secret at", "Press Enter when"
VAT, TERMS = "Default VAT code of", "Default payment condition of"
WORDS, MAIL = "Language of our words", "E-mail addresses for new exceptions"
GOOD_SLACK = "https://hooks.slack.com/services/T0/B0/right"
REPORT, SLACK, SAVE, SHOW = "Let Exact", "Slack webhook URL", "Save", "Show them once"


def slack(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200 if str(request.url) == GOOD_SLACK else 404)


class TwoCountries(InMemoryEnvironment):
    """The Dutch and the Belgian site under Exact's own names, with one division each."""

    def __init__(self) -> None:
        super().__init__()
        for branch in ("2102", "2103"):
            del self.exact.world.divisions[int(branch)]
        self.belgium = ExactSimulator(clock=self.clock, rng=random.Random(3), site="be")
        self.belgium.add_division(CODE, BE.country, description=BE.name)
        self.belgium.add_vat_code(CODE, BE.vat_code, BE.percentage)
        self.belgium.add_payment_condition(CODE, "30", "30 days")
        self.belgium.add_supplier(CODE, "Cloudwerk", code="102")
        account = self.belgium.add_gl_account(CODE, "4100", "Software subscriptions")
        self.belgium.add_item(CODE, "COST-4100", "Software subscriptions", account)
        routes = {
            "start.exactonline.nl": self.exact.transport(),
            "start.exactonline.be": self.belgium.transport(),
            "api.airbase.io": self.airbase.transport(),
            "hooks.slack.com": httpx.MockTransport(slack),
        }
        self.memory = InMemoryStack(Hosts(routes))
        self.services = self.memory.services()
        self.mails: list[str] = []


@pytest.fixture
def env() -> Iterator[TwoCountries]:
    yield TwoCountries()
    clock.read_from(clock.MovableClock())


@pytest.fixture
def person(
    env: TwoCountries, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Person:
    return Person(env, capsys, monkeypatch)


def app_of(exact: ExactSimulator, site: str) -> Answers:
    return [(f"{CLIENT} {site}", exact.client_id), (f"{SECRET} {site}", exact.client_secret)]


def connect(person: Person, *, until: Answers = ()) -> tuple[int, str]:
    """Connect both sites without a mistake."""
    env = person.env
    assert isinstance(env, TwoCountries)
    answers = [
        ("country sites", "nl, be"),
        (KEY, env.airbase.api_key),
        *app_of(env.exact, "nl"),
        (f"{WEBHOOK} nl", env.exact.webhook_secret),
        *app_of(env.belgium, "be"),
        (f"{WEBHOOK} be", ""),
        (ENTER, ""),
        (ENTER, ""),
        ("Divisions to connect", ""),
        (f"Division for {NL.name}", ""),
        (f"Division for {BE.name}", ""),
        ("Division for", "-"),
        (f"{VAT} nl.{CODE}", NL.vat_code),
        (f"{TERMS} nl.{CODE}", "30"),
        (f"{WORDS} in the orders of Exact nl", ""),
        (f"{VAT} be.{CODE}", BE.vat_code),
        (f"{TERMS} be.{CODE}", "-"),
        (f"{WORDS} in the orders of Exact be", "fr"),
        (f"{REPORT} nl", ""),
        (f"{REPORT} be", "n"),
        (MAIL, ""),
        (SLACK, ""),
        (SAVE, ""),
        (SHOW, "n"),
    ]
    return person.run("connect", FIRM, "--browser", answers=answers)


def test_two_sites_are_connected_in_one_conversation(person: Person, env: TwoCountries) -> None:
    code, shown = connect(person)
    assert code == 0, shown
    assert person.pages == ["taken", "taken"]
    found = env.services.connections.get(FIRM)
    assert found is not None
    assert [(site.site, site.id) for site in found.sites] == [("nl", FIRM), ("be", f"{FIRM}.be")]
    codes = {d.division: (d.default_vat_code, d.default_payment_condition) for d in found.divisions}
    assert codes == {f"nl.{CODE}": (NL.vat_code, "30"), f"be.{CODE}": (BE.vat_code, None)}
    assert [site.exact_callback_url is None for site in found.sites] == [False, True]
    assert [site.language for site in found.sites] == ["nl", "fr"]
    assert [site.time_zone for site in found.sites] == ["Europe/Amsterdam", "Europe/Brussels"]
    for part in ("Step 1 of 8", "Step 8 of 8", "Exact be: Exact knows the app", "Next, 1: enter"):
        assert part in shown
    env.work()
    for branch, number in ((NL, "PO-NL"), (BE, "PO-BE")):
        assert env.post(env.order(number, branch)).state == "posted"
    numbers = [[o["YourRef"] for o in e.purchase_orders(CODE)] for e in (env.exact, env.belgium)]
    assert numbers == [["PO-NL"], ["PO-BE"]]
    again, said = person.run("connect", FIRM)
    assert (again, person.asked) == (0, []), said
    assert f"Nothing to change in {FIRM}" in said


def test_addresses_are_not_asked_for_where_the_stack_sends_no_mail(
    person: Person, env: TwoCountries
) -> None:
    vars(env)["tells_by_mail"] = False
    begun = [("country sites", "nl"), (KEY, env.airbase.api_key), *app_of(env.exact, "nl")]
    rest = [(f"{WEBHOOK} nl", ""), (ENTER, ""), ("Divisions", ""), ("Division for", "")]
    rest += [("Division for", "-"), ("Division for", "-"), (VAT, "-"), (TERMS, "-")]
    rest += [(WORDS, ""), (REPORT, ""), (SLACK, CTRL_C)]
    code, shown = person.run("connect", FIRM, "--browser", answers=[*begun, *rest])
    assert "E-mail: none is sent, because the stack was deployed with Notifications=off." in shown
    assert (code, env.mails) == (130, [])


def test_on_a_local_stack_the_simulators_are_asked(person: Person, env: TwoCountries) -> None:
    vars(env)["stand_ins"] = {
        "airbase": "https://api.airbase.io/local",
        "nl": "https://start.exactonline.nl/local",
        "be": "https://start.exactonline.be",
    }
    words = ("connect", FIRM, "--exact-site", "nl", "--exact-url", "be=https://be.example")
    code, shown = person.run(*words, answers=[(KEY, CTRL_C)])
    assert code == 130, shown
    assert "Its simulators are used" in shown
    draft = Drafts(env.memory.tables.coordination).get(FIRM)
    assert draft is not None
    assert draft["airbase_base_url"] == "https://api.airbase.io/local"
    assert {each["exact_site"]: each["exact_base_url"] for each in draft["sites"]} == {
        "nl": "https://start.exactonline.nl/local",
        "be": "https://be.example",
    }


def test_a_wrong_answer_is_asked_again_before_anything_is_built_on_it(
    person: Person, env: TwoCountries
) -> None:
    wrong = dict(app_of(env.exact, "nl")) | {f"{SECRET} nl": "mistyped-client-secret"}
    answers = [
        ("country sites", "nl, holland"),
        ("country sites", "nl"),
        (KEY, "mistyped-airbase-key"),
        (KEY, env.airbase.api_key),
        *wrong.items(),
        (f"{CLIENT} nl", ""),
        (f"{SECRET} nl", env.exact.client_secret),
        (f"{WEBHOOK} nl", ""),
        (ENTER, ""),
        ("Divisions to connect", "9"),
        ("Divisions to connect", ""),
        (f"Division for {NL.name}", "2102"),
        (f"Division for {NL.name}", str(CODE)),
        (f"Division for {BE.name}", "Elsewhere"),
        ("Division for", "-"),
        (VAT, "99"),
        (VAT, NL.vat_code),
        (TERMS, "-"),
        (WORDS, "dutch"),
        (WORDS, "NL"),
        (REPORT, ""),
        (MAIL, "anna@example.test, bert at example"),
        (MAIL, "anna@example.test; bert@example.test"),
        (MAIL, "anna@example.test, bert@example.test"),
        (SLACK, "http://elsewhere.example/hook"),
        (SLACK, "https://hooks.slack.com/services/T0/B0/mistyped"),
        (SLACK, GOOD_SLACK),
        (SAVE, ""),
        (SHOW, "n"),
    ]
    code, shown = person.run("connect", FIRM, "--browser", answers=answers)
    assert code == 0, shown
    for part in (
        "holland is not one of Exact's sites",
        "AIRBASE_KEY_REFUSED",
        "does not accept this client id and secret",
        "division 9 is not among those this consent reaches",
        "nl.2102 is not one of the divisions to connect",
        "'99' is not one of the codes",
        "this Slack webhook cannot be used",
        "'dutch' is not one of en, nl, de, fr, es",
        "bert at example is not an e-mail address",
        "anna@example.test gets a message from AWS: it counts once the link in it was opened.",
        "Slack did not take the message: status 404: enter it again, or nothing",
        "Slack: a test message was sent.",
        "see who is told of exceptions: `connector notify test",
    ):
        assert part in shown
    assert "Copy it again from Airbase" in shown
    assert "connection add" not in shown, "nothing has to be stored by hand here"
    assert shown.index("AIRBASE_KEY_REFUSED") < shown.index(f"{CLIENT} nl")
    assert env.mails == ["anna@example.test", "bert@example.test"], "none before all are right"
    found = env.services.connections.get(FIRM)
    assert found is not None
    assert found.notify.slack is True
    assert [each.subsidiary for each in found.served_elsewhere] == [BE.subsidiary]
    env.work()
    assert env.post(env.order("PO-BE", BE)).state == "served_elsewhere"
    code, shown = person.run("notify", "email", "carla.example.test")
    assert (code, "carla.example.test is not an e-mail address" in shown) == (2, True)
    assert person.run("notify", "email", "carla@example.test")[0] == 0
    assert env.mails[2:] == ["carla@example.test"]
    assert env.memory.secret_store.read_plain(EXACT_APP, FIRM) == {
        "client_id": env.exact.client_id,
        "client_secret": env.exact.client_secret,
    }
    assert env.memory.secret_store.read_plain(AIRBASE_KEY, FIRM) == {"api_key": env.airbase.api_key}


def test_the_third_wrong_answer_ends_the_run_and_the_next_one_asks_again(
    person: Person, env: TwoCountries
) -> None:
    begun = [("country sites", "nl"), (KEY, env.airbase.api_key)]
    ids = [(f"{CLIENT} nl", env.exact.client_id), (f"{CLIENT} nl", ""), (f"{CLIENT} nl", "")]
    secrets = [(f"{SECRET} nl", f"wrong-client-secret-{n}") for n in range(3)]
    tries = [each for pair in zip(ids, secrets, strict=True) for each in pair]
    code, shown = person.run("connect", FIRM, answers=[*begun, *tries])
    assert (code, shown.count("does not accept this client id")) == (2, 3), shown
    assert "the Exact app of nl (refused)" in shown
    # Exact counts refused token calls: no more of them in this hour.
    calls = env.exact.counters["POST", "/api/oauth2/token"]
    mended = [(f"{CLIENT} nl", ""), (f"{SECRET} nl", env.exact.client_secret)]
    code, shown = person.run(
        "connect", FIRM, answers=[*mended, (f"{WEBHOOK} nl", ""), (ENTER, CTRL_C)]
    )
    assert code == 130
    assert "the app is not checked yet: " in shown
    assert env.exact.counters["POST", "/api/oauth2/token"] == calls
    env.clock.move(3700)
    code, shown = person.run("connect", FIRM, answers=[(f"{WEBHOOK} nl", ""), (ENTER, CTRL_C)])
    assert "Exact nl: Exact knows the app." in shown


def test_ctrl_c_says_what_was_kept_and_the_next_run_goes_on_there(
    person: Person, env: TwoCountries
) -> None:
    answers = [
        ("country sites", "nl,be"),
        (KEY, env.airbase.api_key),
        *app_of(env.exact, "nl"),
        (f"{WEBHOOK} nl", env.exact.webhook_secret),
        *app_of(env.belgium, "be"),
        (f"{WEBHOOK} be", env.belgium.webhook_secret),
        (ENTER, ""),
        (ENTER, CTRL_C),
    ]
    code, shown = person.run("connect", FIRM, "--browser", answers=answers)
    assert code == 130
    kept = shown.partition("Kept: ")[2]
    for part in ("your answers", "Airbase's key (tested)", "the Exact app of be (tested)"):
        assert part in kept
    assert "Exact's consent at nl" in kept
    assert f"Go on with: `connector connect {FIRM}`" in kept
    assert env.services.connections.get(FIRM) is None
    for words in (
        ("exceptions",),
        ("exceptions", FIRM),
        ("connection", "list"),
        ("orders", FIRM),
        ("connection", "show", FIRM),
        ("connect", FIRM, "--reconnect"),
        ("ping", FIRM),
        ("map", "show", FIRM),
    ):
        code, listed = person.run(*words)
        assert f"{FIRM} is half made: what was answered is kept" in listed
        assert f"`connector connect {FIRM}`" in listed
        assert "No open exceptions" not in listed
        assert "No orders found" not in listed
    # What an earlier run has kept is still kept when this one ends at once.
    code, shown = person.run("connect", FIRM, "--browser", answers=[("Divisions", CTRL_C)])
    kept = shown.partition("Kept: ")[2]
    for site in ("nl", "be"):
        assert f"the Exact app of {site} (tested)" in kept
        assert f"Exact's webhook secret at {site}" in kept
    assert env.memory.secret_store.read_plain(EXACT_WEBHOOK, ConnectionId(f"{FIRM}.be"))

    person.patch.setattr(person, "pages", [])
    rest = [
        ("Divisions to connect", ""),
        *[("Division for", "")] * 3,
        *[(VAT, "-"), (TERMS, "-"), (WORDS, "en")] * 2,
        (REPORT, ""),
        (REPORT, ""),
        (MAIL, ""),
        (SLACK, ""),
        (SAVE, ""),
    ]
    # Belgium's consent was given in the browser, after the command had ended.
    code, shown = person.run("connect", FIRM, "--browser", answers=rest)
    assert code == 0, shown
    assert person.pages == []
    assert "nl.2101 has no VAT code" in shown
    assert "half made" not in person.run("exceptions")[1]
    trail = [e.step for e in env.services.ledger_of(FIRM).trail(CONNECTION)]
    assert trail.count("app_credentials_stored") == 2
    assert trail[-1] == "connection_added" or "connection_added" in trail


def test_a_code_that_exact_refuses_is_asked_for_again(person: Person, env: TwoCountries) -> None:
    begun = [("country sites", "nl"), (KEY, env.airbase.api_key), *app_of(env.exact, "nl")]
    answers = [*begun, (f"{WEBHOOK} nl", ""), (ENTER, "no-code-of-exact"), (ENTER, CTRL_C)]
    code, shown = person.run("connect", FIRM, answers=answers)
    assert code == 130, shown
    assert "Exact did not accept the code: A code is valid for three minutes" in shown
    assert shown.count("Open this address") == 2
    assert "refresh token" not in shown, "there was never one"


@pytest.mark.parametrize("name", ["my firm", "My-Firm", "firm.be", "firm_nl"])
def test_a_name_that_no_connection_can_have_is_refused_before_anything_is_asked(
    person: Person, name: str
) -> None:
    code, shown = person.run("connect", name)
    assert (code, person.asked) == (2, [])
    assert f"{name!r} cannot be a connection's name: use 1 to 63 lower-case letters" in shown
    assert "Go on with" not in shown


def test_a_site_is_added_to_a_connected_firm_without_touching_the_first_app(
    person: Person, env: TwoCountries
) -> None:
    begun = [("country sites", "nl"), (KEY, env.airbase.api_key), *app_of(env.exact, "nl")]
    rest = [(f"{WEBHOOK} nl", ""), (ENTER, ""), ("Divisions", ""), ("Division for", "")]
    rest += [("Division for", "-"), ("Division for", "-"), (VAT, "-"), (TERMS, "-")]
    rest += [(WORDS, ""), (REPORT, ""), (MAIL, ""), (SLACK, ""), (SAVE, ""), (SHOW, "n")]
    assert person.run("connect", FIRM, "--browser", answers=[*begun, *rest])[0] == 0
    store = env.memory.secret_store
    before = [store.read_plain(kind, FIRM) for kind in (EXACT_APP, EXACT_WEBHOOK, AIRBASE_KEY)]
    calls = env.exact.counters["POST", "/api/oauth2/token"]
    further = [
        *app_of(env.belgium, "be"),
        (f"{WEBHOOK} be", ""),
        (ENTER, ""),
        ("Divisions", f"be.{CODE}"),
        (f"Division for {BE.name}", ""),
        ("Division for", "-"),
        (f"{VAT} be.{CODE}", BE.vat_code),
        (TERMS, "-"),
        (f"{WORDS} in the orders of Exact be", ""),
        (f"{REPORT} be", ""),
        (SAVE, ""),
        (SHOW, "n"),
    ]
    words = ("connect", FIRM, "--exact-site", "be", "--browser")
    code, shown = person.run(*words, answers=further)
    assert code == 0, shown
    found = env.services.connections.get(FIRM)
    assert found is not None
    assert [d.division for d in found.divisions] == [f"nl.{CODE}", f"be.{CODE}"]
    assert [s.time_zone for s in found.sites] == ["Europe/Amsterdam", "Europe/Brussels"]
    assert before == [store.read_plain(k, FIRM) for k in (EXACT_APP, EXACT_WEBHOOK, AIRBASE_KEY)]
    assert env.exact.counters["POST", "/api/oauth2/token"] == calls


def test_a_secret_that_was_changed_at_exact_is_asked_for_again(
    person: Person, env: TwoCountries
) -> None:
    assert connect(person)[0] == 0
    env.work()
    changed = "another-client-secret"
    person.patch.setattr(env.exact.oauth, "_client", (env.exact.client_id, changed))
    env.clock.move(700)
    env.queue(env.order("PO-1"))
    env.work()
    (halt,) = env.services.of(FIRM).ledger.connection().facts.halts.items()  # type: ignore[union-attr]
    assert (halt[0], halt[1].code) == ("nl", "APP_CREDENTIALS_REFUSED")
    answers = [(f"{CLIENT} nl", ""), (f"{SECRET} nl", changed)]
    code, shown = person.run("connect", FIRM, answers=answers)
    assert code == 0, shown
    assert not env.services.of(FIRM).ledger.connection().facts.halts  # type: ignore[union-attr]
    env.wait(minutes=20)
    assert [o["YourRef"] for o in env.exact.purchase_orders(CODE)] == ["PO-1"]


def test_without_a_terminal_it_is_refused_with_what_is_missing(
    person: Person, env: TwoCountries
) -> None:
    words = ("connect", FIRM, "--exact-site", "nl", "--exact-site", "be")
    code, shown = person.run(*words, "--json")
    assert code == 1
    names = ["AIRBASE_API_KEY", "EXACT_CLIENT_ID", "EXACT_CLIENT_SECRET"]
    names += ["EXACT_CLIENT_ID_BE", "EXACT_CLIENT_SECRET_BE"]
    assert [f'"CONNECTOR_{name} is not set"' in shown for name in names] == [True] * 5
    code, shown = person.run(*words)
    assert code == 2
    assert [f"CONNECTOR_{name} is not set" in shown for name in names] == [True] * 5
    assert person.run("connect", "Not an id", "--exact-site", "nl")[0] == 2
    assert person.asked == [], "names are checked before secrets are asked for"


def test_subsidiaries_that_are_served_elsewhere_are_not_asked_for(
    person: Person, env: TwoCountries, tmp_path: Path
) -> None:
    file = tmp_path / "firm.toml"
    file.write_text(
        f'id = "{FIRM}"\nexact_site = "nl"\n'
        f'[[served_elsewhere]]\nsubsidiary = "{BE.subsidiary}"\nwhere = "by hand"\n'
        f'[[served_elsewhere]]\nsubsidiary = "{DE.name}"\nuntil = 2026-12-31\n'
    )
    answers = [
        (KEY, env.airbase.api_key),
        *app_of(env.exact, "nl"),
        (f"{WEBHOOK} nl", ""),
        (ENTER, ""),
        ("Divisions", ""),
        (f"Division for {NL.name}", ""),
        (VAT, NL.vat_code),
        (TERMS, "-"),
        (WORDS, ""),
        (REPORT, ""),
        (MAIL, ""),
        (SLACK, ""),
        (SAVE, ""),
        (SHOW, "n"),
    ]
    words = ("connect", "--config", str(file), "--browser")
    code, shown = person.run(*words, answers=answers)
    assert code == 0, shown
    assert "elsewhere by hand" in shown
    assert "elsewhere until 2026-12-31" in shown
    found = env.services.connections.get(FIRM)
    assert found is not None
    assert [d.subsidiaries for d in found.divisions] == [(NL.subsidiary,)]
    assert len(found.served_elsewhere) == 2
    code, shown = person.run(*words, "--yes")
    assert (code, "Nothing to change" in shown) == (0, True), shown


def test_an_old_file_without_a_time_zone_keeps_its_days_and_a_further_site_has_its_own(
    person: Person, env: TwoCountries
) -> None:
    assert connect(person)[0] == 0
    store = env.services.connections
    found = store.get(FIRM)
    assert found is not None
    old = found.sites[0].model_copy(update={"time_zone": None, "language": None})
    store.save(found.model_copy(update={"sites": (old,)}))
    env.memory.secret_store.store(EXACT_APP, ConnectionId(f"{FIRM}.be"), {})
    code, shown = person.run("connect", FIRM)
    assert (code, person.asked, "Nothing to change" in shown) == (0, [], True), shown
    further = [
        (f"{CLIENT} be", env.belgium.client_id),
        (f"{SECRET} be", env.belgium.client_secret),
        ("Divisions", f"be.{CODE}"),
        (f"Division for {BE.name}", ""),
        ("Division for", "-"),
        (VAT, "-"),
        (TERMS, "-"),
        (WORDS, ""),
        (REPORT, ""),
        (SAVE, ""),
    ]
    words = ("connect", FIRM, "--exact-site", "be", "--browser")
    code, shown = person.run(*words, answers=further)
    assert code == 0, shown
    found = store.get(FIRM)
    assert found is not None
    assert [(s.time_zone, s.language) for s in found.sites] == [
        ("UTC", None),
        ("Europe/Brussels", "nl"),
    ]


def test_a_mistyped_id_is_dropped_with_its_secrets(person: Person, env: TwoCountries) -> None:
    answers = [
        ("country sites", "nl,be"),
        (KEY, env.airbase.api_key),
        *app_of(env.exact, "nl"),
        (f"{WEBHOOK} nl", env.exact.webhook_secret),
        *app_of(env.belgium, "be"),
        (f"{WEBHOOK} be", CTRL_C),
    ]
    assert person.run("connect", "exmaple-firm", answers=answers)[0] == 130
    assert "exmaple-firm is half made" in person.run("exceptions")[1]
    store, mistyped = env.memory.secret_store, ConnectionId("exmaple-firm")
    assert store.read_plain(AIRBASE_KEY, mistyped)
    code, shown = person.run("connection", "remove", "exmaple-firm", answers=[("Remove", "n")])
    assert (code, bool(store.read_plain(AIRBASE_KEY, mistyped))) == (2, True)
    code, shown = person.run("connection", "remove", "exmaple-firm", answers=[("Remove", "y")])
    assert (code, "which was never saved" in shown) == (0, True), shown
    for kind in (AIRBASE_KEY, EXACT_APP, EXACT_WEBHOOK):
        assert not store.read_plain(kind, mistyped)
        assert not store.read_plain(kind, ConnectionId("exmaple-firm.be"))
    assert "exmaple-firm" not in person.run("exceptions")[1]
    assert connect(person)[0] == 0
    code, shown = person.run("connection", "remove", "exmaple-firm")
    assert (code, "there is no connection 'exmaple-firm'" in shown) == (2, True)


def test_a_connection_that_was_only_begun_is_named_too(person: Person) -> None:
    answers = [("country sites", "nl"), (KEY, CTRL_C)]
    assert person.run("connect", FIRM, answers=answers)[0] == 130
    code, shown = person.run("exceptions", FIRM)
    assert (code, f"{FIRM} is half made" in shown) == (2, True), shown


def test_names_are_checked_before_secrets_are_asked_and_each_site_is_asked_for(
    person: Person, env: TwoCountries
) -> None:
    assert connect(person)[0] == 0
    code, shown = person.run("connection", "rotate", "nosuch", "airbase", "--ask")
    assert (code, person.asked) == (2, []), shown
    code, shown = person.run("connect", "nosuch", "--reconnect")
    assert (code, "Nothing was kept" in shown) == (2, False), shown
    new = "the-secret-that-exact-shows-for-belgium"
    asked = [("Exact be webhook secret", new)]
    words = ("connection", "rotate", FIRM, "exact.be", "--ask")
    code, shown = person.run(*words, answers=asked)
    assert code == 0, shown
    stored = env.memory.secret_store.read_plain(EXACT_WEBHOOK, ConnectionId(f"{FIRM}.be"))
    assert stored is not None
    assert stored["secrets"][0] == new


def test_answers_that_contradict_each_other_are_not_kept(person: Person, env: TwoCountries) -> None:
    answers = [
        ("country sites", "nl,be"),
        (KEY, env.airbase.api_key),
        *app_of(env.exact, "nl"),
        (f"{WEBHOOK} nl", ""),
        *app_of(env.belgium, "be"),
        (f"{WEBHOOK} be", ""),
        (ENTER, ""),
        (ENTER, ""),
    ]
    both = [f"--division={site}.{CODE}={NL.subsidiary}" for site in ("nl", "be")]
    code, shown = person.run("connect", FIRM, "--browser", *both, answers=answers)
    assert (code, f"subsidiary named twice: {NL.subsidiary}" in shown) == (2, True), shown
    each = [f"--division=nl.{CODE}={NL.subsidiary}", f"--division=be.{CODE}={BE.subsidiary}"]
    rest = [(VAT, "-"), (TERMS, "-"), (WORDS, "")] * 2
    rest += [(REPORT, ""), (REPORT, ""), (MAIL, ""), (SLACK, ""), (SAVE, ""), (SHOW, "n")]
    answered = [(f"{WEBHOOK} nl", ""), (f"{WEBHOOK} be", "")]
    code, shown = person.run("connect", FIRM, *each, answers=[*answered, *rest])
    assert code == 0, shown


def test_a_secret_typed_as_client_id_is_not_shown_again(person: Person, env: TwoCountries) -> None:
    answers = [
        ("country sites", " NL "),
        (KEY, f"  {env.airbase.api_key} "),
        (f"{CLIENT} nl", env.exact.client_secret),
        (f"{SECRET} nl", env.exact.client_id),
        (f"{CLIENT} nl", env.exact.client_id),
        (f"{SECRET} nl", env.exact.client_secret),
        (f"{WEBHOOK} nl", CTRL_C),
    ]
    code, shown = person.run("connect", FIRM, answers=answers)
    assert code == 130
    assert env.exact.client_secret not in shown
    begun = [(f"{WEBHOOK} nl", ""), (ENTER, ""), (ENTER, CTRL_C)]
    person.typed.clear()  # the client id is in the address of the consent
    code, shown = person.run("connect", FIRM, answers=begun)
    assert (code, "no consent has arrived yet" in shown) == (130, True), shown


def test_one_app_is_not_used_for_two_sites_or_two_connections(
    person: Person, env: TwoCountries
) -> None:
    answers = [
        ("country sites", "nl,be"),
        (KEY, env.airbase.api_key),
        *app_of(env.exact, "nl"),
        (f"{WEBHOOK} nl", ""),
        (f"{CLIENT} be", env.exact.client_id),
        (f"{SECRET} be", env.exact.client_secret),
        (f"{CLIENT} be", env.belgium.client_id),
        (f"{SECRET} be", env.belgium.client_secret),
        (f"{WEBHOOK} be", CTRL_C),
    ]
    code, shown = person.run("connect", "first", answers=answers)
    assert (code, "Exact be: Exact knows the app" in shown) == (130, True), shown
    assert connect(person)[0] == 0
    again = [("country sites", "nl"), (KEY, env.airbase.api_key)]
    wrong = [*app_of(env.exact, "nl")] * 3
    code, shown = person.run("connect", "second", answers=[*again, *wrong])
    assert (code, f"connection {FIRM}" in shown, "--shared-app" in shown) == (2, True, True), shown


def test_a_shared_app_is_not_entered_twice(person: Person, env: TwoCountries) -> None:
    assert connect(person)[0] == 0
    begun = [("country sites", "nl"), *app_of(env.exact, "nl"), (f"{WEBHOOK} nl", CTRL_C)]
    words = ("connect", "second", "--shared-app")
    code, shown = person.run(*words, answers=[begun[0], (KEY, env.airbase.api_key), *begun[1:]])
    assert (code, f"uses the app of {FIRM}" in shown) == (130, True), shown
    code, shown = person.run(*words, answers=[(f"{WEBHOOK} nl", CTRL_C)])
    assert (code, person.asked[0].startswith(f"{WEBHOOK} nl")) == (130, True), shown
