"""Two connections of one stack never write one purchase twice, and share an app only if told."""

from collections.abc import Mapping
from typing import Any

import pytest

from local.firm import BE, DE, NL, Branch
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.connections import consent_request, manage
from ml_connector.connections.secrets import API_KEY, CLIENT_ID, CLIENT_SECRET, GivenSecrets
from ml_connector.connections.shared_use import share_apps
from ml_connector.domain.ids import AppId, ConnectionId
from ml_connector.infrastructure.halts import Halts
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError
from tests.person_stack import PERSON, PersonStack

SECOND = ConnectionId("second")


def settings(env: InMemoryEnvironment, *branches: Branch, **more: Any) -> Connection:
    """Return a second connection to the same two systems that serves these branches."""
    config = env.config()
    codes = {each.division for each in branches}
    divisions = [each for each in config["divisions"] if each["division"] in codes]
    return Connection.model_validate({**config, "id": SECOND, "divisions": divisions, **more})


def secrets(env: InMemoryEnvironment, **more: str) -> GivenSecrets:
    texts: Mapping[str, str] = {
        API_KEY: env.airbase.api_key,
        CLIENT_ID: env.exact.client_id,
        CLIENT_SECRET: env.exact.client_secret,
        **more,
    }
    return GivenSecrets({name: Secret(text) for name, text in texts.items()})


def serve(env: InMemoryEnvironment, *branches: Branch) -> None:
    """Add the firm's first connection, for these branches alone."""
    codes = {each.division for each in branches}
    env.connect(divisions=[d for d in env.config()["divisions"] if d["division"] in codes])


def test_a_division_that_another_connection_serves_is_refused(env: InMemoryEnvironment) -> None:
    serve(env, NL, BE)
    stack = PersonStack(env)
    with pytest.raises(UserError) as refused:
        manage.add(stack, PERSON, settings(env, BE, DE), secrets(env))
    assert any(f"division {BE.key} is served by" in line for line in refused.value.lines)
    assert stack.services.connections.get(SECOND) is None


def test_a_subsidiary_of_the_same_tenant_is_refused_in_another_division(
    env: InMemoryEnvironment,
) -> None:
    serve(env, NL)
    division = {"division": BE.division, "subsidiaries": [NL.subsidiary]}
    with pytest.raises(UserError, match=f"subsidiary {NL.subsidiary} is served by"):
        manage.add(PersonStack(env), PERSON, settings(env, BE, divisions=[division]), secrets(env))


def test_a_subsidiary_is_recognised_by_any_of_its_names(env: InMemoryEnvironment) -> None:
    serve(env, NL)
    name = str(env.airbase.subsidiaries[NL.subsidiary]["name"])
    division = {"division": BE.division, "subsidiaries": [name]}
    with pytest.raises(UserError, match=f"subsidiary {name} is served by"):
        manage.add(PersonStack(env), PERSON, settings(env, BE, divisions=[division]), secrets(env))


def test_the_same_name_of_a_subsidiary_in_another_tenant_is_none_of_its_business(
    env: InMemoryEnvironment,
) -> None:
    serve(env, NL)
    division = {"division": BE.division, "subsidiaries": [NL.subsidiary]}
    other = secrets(env, **{API_KEY: "of-another-tenant"})
    added = manage.add(PersonStack(env), PERSON, settings(env, BE, divisions=[division]), other)
    assert added.is_new


def test_a_connection_may_be_changed_in_its_own_divisions(env: InMemoryEnvironment) -> None:
    serve(env, NL)
    changed = env.connection().model_copy(update={"name": "New name"})
    assert not manage.add(PersonStack(env), PERSON, changed, secrets(env)).is_new


def test_a_client_id_in_use_is_refused_unless_the_app_is_to_be_shared(
    env: InMemoryEnvironment,
) -> None:
    serve(env, NL)
    stack, second = PersonStack(env), settings(env, BE)
    with pytest.raises(UserError, match="--shared-app"):
        share_apps(stack, second, secrets(env), is_wanted=False)
    shared = share_apps(stack, second, secrets(env), is_wanted=True)
    assert shared.sites[0].shares_app_with == FIRM
    other = secrets(env, **{CLIENT_ID: "another-app"})
    assert share_apps(stack, second, other, is_wanted=False) == second


@pytest.mark.parametrize("owner", ["nobody", "second"])
def test_an_app_that_is_not_there_cannot_be_shared(env: InMemoryEnvironment, owner: str) -> None:
    serve(env, NL)
    with pytest.raises(UserError, match="there is no other connection"):
        share_apps(
            PersonStack(env), settings(env, BE, shares_app_with=owner), secrets(env), is_wanted=True
        )


def test_both_use_one_chain_of_tokens(env: InMemoryEnvironment) -> None:
    serve(env, NL)
    stack = PersonStack(env)
    second = settings(env, BE, shares_app_with=FIRM)
    added = manage.add(stack, PERSON, second, secrets(env).without_app(AppId(SECOND)))
    assert added.has_consent
    env.work()
    for number in range(6):  # an hour, in which both renew
        env.wait(minutes=11)
        assert env.post(env.order(f"PO-NL{number}", NL)).state == "posted"
        assert env.post(env.order(f"PO-BE{number}", BE), SECOND).state == "posted"
    assert not Halts(env.services.ledger_of(FIRM)).all()
    assert not Halts(env.services.ledger_of(SECOND)).all()
    with pytest.raises(UserError, match=f"consent {FIRM}"):
        consent_request.start_consent(stack, second.sites[0])
    with pytest.raises(UserError, match=f"is used by {SECOND}"):
        manage.remove(stack, PERSON, FIRM)
