"""The first hour of a firm with two Exact sites, typed by a person who makes mistakes."""

import random
from collections.abc import Iterator

import pytest

from local.exact_simulator import ExactSimulator
from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts, InMemoryStack
from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP, EXACT_WEBHOOK
from tests.cli.person import CTRL_C, Answers, Person

CODE = NL.division
KEY, CLIENT, SECRET = "Airbase API key", "Exact client id at", "Exact client secret at"
WEBHOOK, ENTER = "Exact webhook secret at", "Press Enter when"
VAT, TERMS = "Default VAT code of", "Default payment condition of"
REPORT, SLACK, SAVE, SHOW = "Let Exact", "Slack webhook URL", "Save", "Show them once"


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
        }
        self.memory = InMemoryStack(Hosts(routes))
        self.services = self.memory.services()


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
        (f"{VAT} be.{CODE}", BE.vat_code),
        (f"{TERMS} be.{CODE}", "-"),
        (f"{REPORT} nl", ""),
        (f"{REPORT} be", "n"),
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
        ("Division for", "-"),
        ("Division for", "-"),
        (VAT, "99"),
        (VAT, NL.vat_code),
        (TERMS, "-"),
        (REPORT, ""),
        (SLACK, "http://elsewhere.example/hook"),
        (SLACK, ""),
        (SAVE, ""),
        (SHOW, "n"),
    ]
    code, shown = person.run("connect", FIRM, "--browser", answers=answers)
    assert code == 0, shown
    for part in (
        "holland is none of Exact's sites",
        "AIRBASE_KEY_REFUSED",
        "does not accept this client id and secret",
        "division 9 is not among those this consent reaches",
        "nl.2102 is not one of the divisions to connect",
        "'99' is not one of the codes",
        "this Slack webhook cannot be used",
    ):
        assert part in shown
    assert shown.index("AIRBASE_KEY_REFUSED") < shown.index(f"{CLIENT} nl")
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
    assert env.memory.secret_store.read_plain(EXACT_WEBHOOK, ConnectionId(f"{FIRM}.be"))

    person.patch.setattr(person, "pages", [])
    rest = [
        ("Divisions to connect", ""),
        *[("Division for", "")] * 3,
        *[(VAT, "-"), (TERMS, "-")] * 2,
        (REPORT, ""),
        (REPORT, ""),
        (SLACK, ""),
        (SAVE, ""),
    ]
    # Belgium's consent was given in the browser, after the command had ended.
    code, shown = person.run("connect", FIRM, "--browser", answers=rest)
    assert code == 0, shown
    assert person.pages == []
    assert "nl.2101 has no VAT code" in shown
    trail = [e.step for e in env.services.ledger_of(FIRM).trail(CONNECTION)]
    assert trail.count("app_credentials_stored") == 2
    assert trail[-1] == "connection_added" or "connection_added" in trail


def test_a_site_is_added_to_a_connected_firm_without_touching_the_first_app(
    person: Person, env: TwoCountries
) -> None:
    begun = [("country sites", "nl"), (KEY, env.airbase.api_key), *app_of(env.exact, "nl")]
    rest = [(f"{WEBHOOK} nl", ""), (ENTER, ""), ("Divisions", ""), ("Division for", "")]
    rest += [("Division for", "-"), ("Division for", "-"), (VAT, "-"), (TERMS, "-")]
    rest += [(REPORT, ""), (SLACK, ""), (SAVE, ""), (SHOW, "n")]
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
