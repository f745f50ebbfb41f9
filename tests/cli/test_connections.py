"""`connector connection`: added, changed, shown, rotated and removed, with its secrets."""

import json
from typing import Any

import pytest

from local.demo.environment import DemoEnvironment
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import ConnectionId, SiteId
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import CONNECTION, VENDORS
from ml_connector.webhooks.airbase import parse_settings
from tests.cli.conftest import Write
from tests.cli.terminal import NEEDED, SECRETS, Terminal


def secret(demo: DemoEnvironment, kind: str, connection: str) -> dict[str, Any] | None:
    manager = demo.stack.client("secretsmanager")
    try:
        answer = manager.get_secret_value(SecretId=f"connector/{kind}/{connection}")
    except manager.exceptions.ResourceNotFoundException:
        return None
    found: dict[str, Any] = json.loads(answer["SecretString"])
    return found


def steps(demo: DemoEnvironment, connection: str) -> list[str]:
    trail = demo.services.ledger_of(ConnectionId(connection)).trail(CONNECTION)
    return [entry.step for entry in trail]


def test_adding_stores_everything_and_prints_the_webhook_urls(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    run = terminal.ok("connection", "add", write_file(id="first"), env=SECRETS)
    assert f"{demo.stack.url}/webhooks/airbase/first" in run.out
    assert "shown only once" not in run.out
    assert secret(demo, "airbase-key", "first") == {"api_key": SECRETS["CONNECTOR_AIRBASE_API_KEY"]}
    assert secret(demo, "exact-app", "first") == {
        "client_id": "client-4711",
        "client_secret": SECRETS["CONNECTOR_EXACT_CLIENT_SECRET"],
    }
    exact_signing = secret(demo, "exact-webhook", "first")
    assert exact_signing == {"secrets": [SECRETS["CONNECTOR_EXACT_WEBHOOK_SECRET"]]}
    settings = secret(demo, "airbase-webhook", "first")
    assert settings is not None
    assert parse_settings(settings).order_id == "data.id"
    assert demo.services.connections.get(ConnectionId("first")) is not None
    assert steps(demo, "first") == ["connection_added", "consent_taken_over"]


def test_the_trail_names_who_did_it(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    terminal.ok("connection", "add", write_file(id="who"), env=NEEDED)
    (entry,) = demo.services.ledger_of(ConnectionId("who")).trail(CONNECTION)
    assert entry.actor.startswith("connector arn:aws:")
    assert entry.detail["given"] == sorted(NEEDED)


def test_missing_webhook_secrets_are_generated_and_shown_once(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    path = write_file(id="made")
    first = terminal.ok("connection", "add", path, "--json", env=NEEDED).data
    made = first["generated"]
    assert set(made) == {"airbase_webhook_secret", "exact_webhook_secret"}
    assert secret(demo, "exact-webhook", "made") == {"secrets": [made["exact_webhook_secret"]]}

    again = terminal.ok("connection", "add", path, "--json").data
    assert (again["new"], again["generated"]) == (False, {})
    shown = terminal.ok("connection", "show", "made").out
    assert not [text for text in made.values() if text in shown]


def test_changing_keeps_secrets_and_applies_the_profile(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    terminal.ok("connection", "add", write_file(id="keep"), env=SECRETS)
    verification = {"scheme": "shared_header", "header": "X-Key"}
    changed = write_file(id="keep", profile={"verification": verification, "event_id": "event"})
    terminal.ok("connection", "add", changed)
    settings = secret(demo, "airbase-webhook", "keep")
    assert settings is not None
    assert settings["verification"] == verification
    assert settings["event_id"] == "event"
    assert settings["secrets"] == [SECRETS["CONNECTOR_AIRBASE_WEBHOOK_SECRET"]]


def test_secrets_are_asked_for_without_being_shown(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    typed = "typed-key-123456\ntyped-id\ntyped-client-secret\n"
    run = terminal.ok("connection", "add", write_file(id="asked"), typed=typed)
    assert "typed-" not in run.out + run.err
    assert secret(demo, "airbase-key", "asked") == {"api_key": "typed-key-123456"}


def test_without_secrets_and_without_input_nothing_is_stored(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    said = terminal.refused("connection", "add", write_file(id="nobody"))
    assert "CONNECTOR_AIRBASE_API_KEY is not set" in said
    assert demo.services.connections.get(ConnectionId("nobody")) is None
    assert steps(demo, "nobody") == []


def test_tokens_from_the_environment_are_stored_once(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    path = write_file(id="taken")
    terminal.ok("connection", "add", path, env=SECRETS)
    sealed = secret(demo, "exact-tokens", "taken")
    assert sealed is not None
    assert SECRETS["CONNECTOR_EXACT_REFRESH_TOKEN"] not in json.dumps(sealed)
    terminal.ok("connection", "add", path, env=SECRETS)
    assert secret(demo, "exact-tokens", "taken") == sealed, "renewed tokens would be lost"


def test_a_halt_is_lifted_by_adding_again(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    path = write_file(id="halted")
    terminal.ok("connection", "add", path, env=NEEDED)
    Halts(demo.services.ledger_of(ConnectionId("halted"))).stop(
        problem("AIRBASE_KEY_REFUSED", "halted", connection="halted")
    )
    (halt,) = terminal.ok("exceptions", "halted", "--json").data
    assert (halt["code"], halt["stops"]) == ("AIRBASE_KEY_REFUSED", "all")
    shown = terminal.ok("connection", "show", "halted").out
    assert "Everything is stopped. AIRBASE_KEY_REFUSED: Airbase refuses the API key." in shown
    other = problem("EXACT_USER_BLOCKED", "halted", connection="halted")
    Halts(demo.services.ledger_of(ConnectionId("halted"))).stop(other, SiteId("nl"))
    listed = terminal.ok("connection", "list").out
    assert "AIRBASE_KEY_REFUSED, EXACT_USER_BLOCKED (site nl)" in " ".join(listed.split())

    terminal.ok("connection", "add", path, env=NEEDED)
    assert terminal.ok("exceptions", "halted", "--json").data == []


def test_a_changed_vendor_policy_starts_a_comparison_at_once(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    id = ConnectionId("policy")
    terminal.ok("connection", "add", write_file(id=id), env=NEEDED)
    demo.stack.drain()
    assert demo.services.ledger_of(id).read(VENDORS).state == "new"
    terminal.ok("connection", "add", write_file(id=id, vendors={"links": "review"}), env=NEEDED)
    demo.stack.drain()
    assert demo.services.ledger_of(id).trail(VENDORS)[0].step == "started"


def test_a_secret_in_the_url_is_part_of_the_url(terminal: Terminal, write_file: Write) -> None:
    profile = {"verification": {"scheme": "url_secret", "parameter": "k"}}
    path = write_file(id="url", profile=profile)
    added = terminal.ok("connection", "add", path, "--json", env=NEEDED).data
    made = added["generated"]["airbase_webhook_secret"]
    assert added["webhooks"]["airbase"].endswith(f"/webhooks/airbase/url?k={made}")
    shown = terminal.ok("connection", "show", "url", "--json").data
    assert shown["webhooks"]["airbase"].endswith("?k=<secret>")


def test_standard_webhooks_get_a_secret_in_their_format(
    terminal: Terminal, write_file: Write
) -> None:
    profile = {"verification": {"scheme": "standard_webhooks"}}
    path = write_file(id="standard", profile=profile)
    added = terminal.ok("connection", "add", path, "--json", env=NEEDED).data
    assert added["generated"]["airbase_webhook_secret"].startswith("whsec_")


@pytest.mark.parametrize("sender", ["airbase", "exact"])
def test_a_rotation_keeps_both_secrets_until_it_is_finished(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write, sender: str
) -> None:
    id, name = f"rotate-{sender}", f"CONNECTOR_{sender.upper()}_WEBHOOK_SECRET"
    terminal.ok("connection", "add", write_file(id=id), env=SECRETS)
    made = terminal.ok("connection", "rotate", id, sender, "--json").data["generated"]
    (new,) = made.values()
    both = secret(demo, f"{sender}-webhook", id)
    assert both is not None
    assert both["secrets"] == [new, SECRETS[name]]
    assert "--finish" in terminal.refused("connection", "rotate", id, sender)

    terminal.ok("connection", "rotate", id, sender, "--finish")
    left = secret(demo, f"{sender}-webhook", id)
    assert left is not None
    assert left["secrets"] == [new]
    assert "nothing to finish" in terminal.refused("connection", "rotate", id, sender, "--finish")
    assert steps(demo, id)[-2:] == ["webhook_secret_rotated", "webhook_rotation_finished"]


def test_show_and_list_reveal_only_whether_secrets_are_stored(
    terminal: Terminal, write_file: Write
) -> None:
    terminal.ok("connection", "add", write_file(id="shown"), env=SECRETS)
    shown = terminal.ok("connection", "show", "shown", "--json").data
    assert shown["secrets"]["airbase_api_key"] == "stored"
    assert shown["secrets"]["exact_webhook_secrets"] == 1
    assert shown["secrets"]["exact_consent"]["state"] == "stored"
    assert shown["config"]["divisions"][0]["division"] == 2101
    listed = terminal.ok("connection", "list", "--json").data
    assert "shown" in [each["connection"] for each in listed]
    text = terminal.ok("connection", "list").out + terminal.ok("connection", "show", "shown").out
    assert "canary" not in text


def test_removing_asks_deletes_secrets_and_keeps_the_trail(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    terminal.ok("connection", "add", write_file(id="gone"), env=SECRETS)
    assert "confirmation needed: pass --yes" in terminal.refused("connection", "remove", "gone")
    assert terminal.run("connection", "remove", "gone", typed="n\n").exit_code == 2
    assert secret(demo, "airbase-key", "gone") is not None

    terminal.ok("connection", "remove", "gone", typed="y\n")
    kinds = ("airbase-key", "airbase-webhook", "exact-app", "exact-webhook", "exact-tokens")
    assert [secret(demo, kind, "gone") for kind in kinds] == [None] * 5
    assert "no connection 'gone'" in terminal.refused("connection", "show", "gone")
    assert steps(demo, "gone")[-1] == "connection_removed"
    assert terminal.ok("audit", "verify", "gone", "--json").data == {
        "whole": 1,
        "broken": [],
        "not_verified": [],
    }

    terminal.ok("connection", "add", write_file(id="gone"), env=SECRETS)
    again = terminal.ok("connection", "show", "gone", "--json").data
    assert again["secrets"]["exact_consent"]["state"] == "stored"
