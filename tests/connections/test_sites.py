"""A further Exact site is added to a connection without touching the first one's app."""

from typing import Any, Literal

import pytest

from local.exact_simulator import ExactFault
from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.connections import manage, setup
from ml_connector.connections.secrets import (
    API_KEY,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    GivenSecrets,
    forget_all,
    has_tokens,
    missing_names,
    senders_of,
)
from ml_connector.domain.ids import AppId, RecordKey
from ml_connector.domain.records import ConnectionFacts
from ml_connector.infrastructure.drafts import Drafts
from ml_connector.infrastructure.record_codec import decode, encode
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError
from tests.person_stack import PERSON, PersonStack
from tests.two_sites import BE_APP, BE_DIVISION, BELGIUM, TwoSites


def flat(env: TwoSites) -> dict[str, Any]:
    """Return the file with the Dutch site alone, as it was before."""
    config = env.config()
    return config | {"divisions": config["divisions"][:1]}


def with_belgium(env: TwoSites) -> Connection:
    file = env.file()
    for site in file["sites"]:
        site.pop("id", None)
    return Connection.model_validate(file)


@pytest.fixture
def env() -> TwoSites:
    found = TwoSites()
    found.connect(divisions=flat(found)["divisions"])
    return found


def given(env: TwoSites) -> GivenSecrets:
    return GivenSecrets(
        {
            f"{CLIENT_ID}_BE": Secret(env.belgium.client_id),
            f"{CLIENT_SECRET}_BE": Secret(env.belgium.client_secret),
        }
    )


def test_the_first_site_keeps_its_app_and_the_other_is_named_by_its_site(env: TwoSites) -> None:
    stack = PersonStack(env)
    connection = manage.continued(stack.services.connections, with_belgium(env))
    assert [site.id for site in connection.sites] == [FIRM, BE_APP]
    assert missing_names(stack.secret_store, connection, GivenSecrets()) == [
        f"{CLIENT_ID}_BE",
        f"{CLIENT_SECRET}_BE",
    ]
    assert senders_of(connection) == {"airbase": FIRM, "exact": FIRM, "exact.be": BE_APP}


def test_a_site_is_added_while_the_other_goes_on(env: TwoSites) -> None:
    stack = PersonStack(env)
    before = env.post(env.order("PO-NL1", NL))
    connection = manage.continued(stack.services.connections, with_belgium(env))
    added = manage.add(stack, PERSON, connection, given(env))
    assert not added.has_consent, "at the new site"
    assert set(added.webhooks) == {"airbase", "exact", "exact.be"}
    assert added.webhooks["exact.be"].endswith(f"/{BE_APP}")
    env.consent_at(BE_APP, env.belgium)
    env.work()
    assert env.post(env.order("PO-NL2", NL)).state == before.state == "posted"
    assert env.post(env.order("PO-BE", BE)).facts.division == BE_DIVISION
    assert env.numbers_at(env.belgium) == ["PO-BE"]


def test_a_file_with_the_other_site_alone_does_not_take_over_the_first_ones_app(
    env: TwoSites,
) -> None:
    stack = PersonStack(env)
    file = env.file()
    alone = {key: value for key, value in file.items() if key != "sites"} | file["sites"][1]
    connection = manage.continued(stack.services.connections, Connection.model_validate(alone))
    assert [site.id for site in connection.sites] == [BE_APP]
    assert missing_names(stack.secret_store, connection, GivenSecrets())


def test_removing_a_connection_forgets_the_secrets_of_every_site() -> None:
    env = TwoSites()
    env.connect_both()
    stack = PersonStack(env)
    manage.remove(stack, PERSON, FIRM)
    assert [stack.secret_store.read_plain(EXACT_APP, app) for app in (FIRM, BE_APP)] == [None, None]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"exact_site": "nl"}, "site named twice"),
        ({"divisions": [{"division": 2101, "subsidiaries": ["sub-nl"]}]}, "subsidiary named twice"),
        (
            {"exact_base_url": "https://Exact.test:443"},
            "division named twice: 2101 at https://exact",
        ),
    ],
)
def test_what_two_sites_cannot_share(change: dict[str, Any], error: str) -> None:
    file = TwoSites().file()
    file["sites"][1] |= change
    with pytest.raises(ValueError, match=error):
        Connection.model_validate(file)


def test_a_division_is_named_with_its_site_where_two_have_its_code() -> None:
    env = TwoSites()
    connection = env.connect_both()
    stack = PersonStack(env)
    with pytest.raises(UserError, match=r"name nl\.2101 or be\.2101"):
        manage.accept_other_connector(stack, PERSON, connection.id, "2101")
    with pytest.raises(UserError, match="is not stopped"):
        manage.accept_other_connector(stack, PERSON, connection.id, "be.2101")


def test_connect_goes_on_with_the_stored_sites_a_draft_and_those_that_are_named() -> None:
    env = TwoSites()
    stack = PersonStack(env)
    stored = env.connect_both()
    assert [s["id"] for s in setup.begin(stack, FIRM, None)["sites"]] == [FIRM, BE_APP]
    begun = setup.begin(stack, FIRM, None, {"de": ""}, name="Another name")
    assert [site["id"] for site in begun["sites"]] == [FIRM, BE_APP, f"{FIRM}.de"]
    assert begun["sites"][2]["exact_callback_url"].endswith(f"/{FIRM}.de")

    Drafts(stack.tables.coordination).save(FIRM, begun)
    again = setup.begin(stack, FIRM, None)
    assert [setup.site_named(site) for site in again["sites"]] == ["nl", "be", "de"]
    assert again["name"] == stored.name, "of a connection that is stored, a draft only adds sites"
    assert Connection.model_validate(
        {**again, "sites": again["sites"][:2]}
    ) == env.services.connections.whole(stored)
    with pytest.raises(UserError, match=r"name the site of https://x\.test"):
        setup.begin(stack, FIRM, None, {"": "https://x.test"})


def test_a_file_for_connect_names_its_site_beside_the_others_or_leaves_it_to_be_asked() -> None:
    env = InMemoryEnvironment()
    stack = PersonStack(env)
    with pytest.raises(setup.NoSiteError):
        setup.begin(stack, "new", {"id": "new", "limits": {"calls_per_day": 100}})
    file = {"id": "new", "limits": {"calls_per_day": 100}}
    (site,) = setup.begin(stack, "new", file, {"nl": ""})["sites"]
    assert (site["id"], site["exact_site"]) == ("new", "nl")
    assert site["limits"] == {"calls_per_day": 100}


def without_belgium(env: TwoSites) -> Connection:
    return Connection.model_validate(flat(env) | {"id": FIRM})


def test_the_secrets_of_a_site_that_is_taken_out_are_removed() -> None:
    env = TwoSites()
    env.connect_both()
    stack = PersonStack(env)
    added = manage.add(stack, PERSON, without_belgium(env), GivenSecrets())
    assert added.taken_out == [BELGIUM]
    store = stack.secret_store
    assert [store.read_plain(EXACT_APP, app) is None for app in (FIRM, BE_APP)] == [False, True]
    assert [has_tokens(stack, app) for app in (AppId(FIRM), BE_APP)] == [True, False]
    (step,) = [
        entry
        for entry in stack.services.ledger_of(FIRM).trail(RecordKey("connection"))
        if entry.step == "connection_changed"
    ]
    assert step.detail["taken_out"] == ["be"]
    assert env.post(env.order("PO-NL", NL)).state == "posted"


def test_the_first_site_is_taken_out_and_the_key_of_airbase_stays() -> None:
    env = TwoSites()
    env.connect_both()
    stack, file = PersonStack(env), env.file()
    del file["sites"][0]
    connection = manage.continued(stack.services.connections, Connection.model_validate(file))
    assert manage.add(stack, PERSON, connection, GivenSecrets()).taken_out == ["nl"]
    store = stack.secret_store
    assert store.read_plain(AIRBASE_KEY, FIRM)
    assert store.read_plain(EXACT_APP, FIRM) is None
    assert not has_tokens(stack, AppId(FIRM))
    env.work()
    assert env.post(env.order("PO-BE", BE)).state == "posted"


def test_a_site_whose_app_another_connection_uses_is_not_taken_out() -> None:
    env = TwoSites()
    connection = env.connect_both()
    other = env.file()["sites"][1] | {
        "id": "other",
        "shares_app_with": BE_APP,
        "divisions": [{"division": 5, "subsidiaries": ["sub-other"]}],
    }
    settings = connection.model_dump(mode="json") | {"id": "other", "sites": [other]}
    env.services.connections.save(Connection.model_validate(settings))
    with pytest.raises(UserError, match="is used by other"):
        manage.add(PersonStack(env), PERSON, without_belgium(env), GivenSecrets())


class TestADivisionIsTakenOut:
    @pytest.fixture
    def both(self) -> TwoSites:
        env = TwoSites()
        env.connect_both()
        return env

    def take_out(self, env: TwoSites) -> None:
        manage.add(PersonStack(env), PERSON, without_belgium(env), GivenSecrets())

    def test_not_while_orders_of_it_are_open_in_exact(self, both: TwoSites) -> None:
        for number in range(7):
            both.post(both.order(f"PO-{number}", BE))
        with pytest.raises(UserError) as refused:
            self.take_out(both)
        (line,) = refused.value.lines
        assert "division be.2101 is left out, but 7 of its orders are open" in line
        assert line.count("PO-") == 5
        assert "`subsidiaries = []`" in line
        assert BE_APP in {site.id for site in both.connection().sites}

    @pytest.mark.parametrize("kind", ["timeout_after_commit", "timeout_before_commit"])
    def test_not_while_the_outcome_of_an_order_is_unknown(
        self, both: TwoSites, kind: Literal["timeout_after_commit", "timeout_before_commit"]
    ) -> None:
        both.belgium.faults.append(ExactFault(kind, "POST", "PurchaseOrders"))
        assert both.post(both.order("PO-1", BE)).state == "posting"
        with pytest.raises(UserError, match="PO-1"):
            self.take_out(both)

    def test_once_its_orders_are_complete_or_wait_without_being_in_exact(
        self, both: TwoSites
    ) -> None:
        done = both.order("PO-1", BE)
        both.post(done)
        (row,) = both.belgium.purchase_orders(NL.division)
        orders, key = "purchaseorder/PurchaseOrders", row["PurchaseOrderID"]
        both.belgium.change(NL.division, orders, key, OrderStatus=30)
        both.wait(hours=5)
        assert both.record(done).facts.status["order"] == "complete"
        bad = both.order("PO-2", BE, lines=[both.airbase.line("9999", "1.00", "?")])
        assert both.post(bad).state == "review"
        self.take_out(both)
        both.work()
        assert both.codes(bad) == ["UNKNOWN_SUBSIDIARY"]

    def test_a_connection_that_was_removed_is_added_without_it(self, both: TwoSites) -> None:
        both.post(both.order("PO-1", BE))
        stack = PersonStack(both)
        manage.remove(stack, PERSON, FIRM)
        given = GivenSecrets(
            {
                API_KEY: Secret(both.airbase.api_key),
                CLIENT_ID: Secret(both.exact.client_id),
                CLIENT_SECRET: Secret(both.exact.client_secret),
            }
        )
        with pytest.raises(UserError, match=r"division be\.2101 is left out, but 1 of"):
            manage.add(stack, PERSON, without_belgium(both), given)

    def test_what_an_older_version_let_happen_is_an_exception(self, both: TwoSites) -> None:
        order = both.order("PO-1", BE)
        both.post(order)
        both.services.connections.save(without_belgium(both))
        order["notes"] = "Changed"
        assert both.post(order).state == "posted"
        assert both.codes(order) == ["DIVISION_TAKEN_OUT"]
        both.wait(days=2)
        assert both.codes(order) == ["DIVISION_TAKEN_OUT"]
        both.services.connections.save(Connection.model_validate(both.file()))
        both.wait(minutes=1)  # its data are read again
        both.retry(order)
        assert both.codes(order) == []
        assert both.belgium.purchase_orders(NL.division)[0]["Description"] == "Changed"

    def test_one_that_waits_for_its_site_is_tried_all_the_same(self, both: TwoSites) -> None:
        order = both.order("PO-1", BE)
        both.belgium.faults.append(ExactFault("rate_limited_minute", "POST", "PurchaseOrders"))
        assert both.post(order).facts.waiting_for == "EXACT_MINUTE_LIMIT"
        both.services.connections.save(without_belgium(both))
        both.wait(minutes=5)
        assert both.codes(order) == ["UNKNOWN_SUBSIDIARY"]


class TestOneContract:
    @pytest.mark.parametrize(
        "contract", [{"share_percent": 70}, {"licence": "premium"}], ids=["share", "licence"]
    )
    def test_two_connections_give_it_the_same_settings(
        self, env: TwoSites, contract: dict[str, Any]
    ) -> None:
        first = flat(env) | {"id": FIRM, "contract": {"name": "firm"}}
        env.services.connections.save(Connection.model_validate(first))
        second = first | {
            "id": "second",
            "shares_app_with": FIRM,
            "divisions": [{"division": 5, "subsidiaries": ["sub-other"]}],
        }
        stack = PersonStack(env)
        key = GivenSecrets({API_KEY: Secret(env.airbase.api_key)})
        other = second | {"contract": {"name": "firm", **contract}}
        with pytest.raises(UserError, match=r"contract firm has .* in connection example-firm"):
            manage.add(stack, PERSON, Connection.model_validate(other), key)
        manage.add(stack, PERSON, Connection.model_validate(second), key)
        unnamed = (
            second
            | {"id": "third", "contract": contract}
            | {"divisions": [{"division": 6, "subsidiaries": ["sub-third"]}]}
        )
        manage.add(stack, PERSON, Connection.model_validate(unnamed), key)

    def test_so_do_two_sites(self, env: TwoSites) -> None:
        file = env.file()
        for site, share in zip(file["sites"], (40, 50), strict=True):
            site["contract"] = {"name": "firm", "share_percent": share}
        with pytest.raises(ValueError, match=r"contract firm is named with .* = 40 and with"):
            Connection.model_validate(file)
        file["sites"][1]["contract"] = file["sites"][0]["contract"]
        assert Connection.model_validate(file)


def test_each_app_is_forgotten_once(monkeypatch: pytest.MonkeyPatch) -> None:
    env = TwoSites()
    connection = env.connect_both()
    stack, forgotten = PersonStack(env), list[str]()
    monkeypatch.setattr(stack.secret_store, "forget", forgotten.append)
    forget_all(stack, connection)
    assert forgotten == [FIRM, BE_APP]


def test_tokens_given_twice_are_imported_once_at_each_site() -> None:
    env = TwoSites()
    connection = env.connect_both()
    stack = PersonStack(env)
    tokens = {REFRESH_TOKEN: Secret("one"), f"{REFRESH_TOKEN}_BE": Secret("other")}
    for _ in range(2):
        manage.import_consents(stack, PERSON, connection, GivenSecrets(tokens))
    ledger = stack.services.ledger_of(FIRM)
    steps = [each.step for each in ledger.trail(RecordKey("connection"))]
    assert steps.count("consent_taken_over") == 2
    facts = ledger.connection().facts
    assert {*facts.consent_digests} == {"", "be"}
    stored = encode(facts)
    assert stored["consent_digest"] == facts.consent_digests[""], "as older versions read it"
    assert {*stored["consent_digests"]} == {"be"}
    assert decode(stored, ConnectionFacts) == facts
