"""A further Exact site is added to a connection without touching the first one's app."""

from typing import Any

import pytest

from local.firm import BE, NL
from local.in_memory.environment import FIRM
from ml_connector.connections import manage, setup
from ml_connector.connections.secrets import (
    CLIENT_ID,
    CLIENT_SECRET,
    GivenSecrets,
    missing_names,
    senders_of,
)
from ml_connector.infrastructure.secret_store import EXACT_APP
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError
from tests.person_stack import PERSON, PersonStack
from tests.two_sites import BE_APP, BE_DIVISION, TwoSites


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


@pytest.mark.parametrize("site", ["be", None])
def test_connect_leads_through_one_site_and_says_how_several_are_added(site: str | None) -> None:
    env = TwoSites()
    connection = env.connect_both() if site is None else env.connect()
    with pytest.raises(UserError, match="connector connection add FILE"):
        setup.begin(PersonStack(env), connection.id, None, exact_site=site)
