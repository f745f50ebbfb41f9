"""`connector connection`: added, changed, shown, rotated and removed, with its secrets."""

import json
from typing import Any

import pytest

from local.scene import Scene
from ml_connector.airbase.webhook import parse_settings
from ml_connector.codes import problem
from ml_connector.doors.ledger import CONNECTION, VENDORS
from ml_connector.ids import ConnectionId
from tests.cli.conftest import Write
from tests.cli.terminal import NEEDED, SECRETS, Terminal


def secret(scene: Scene, kind: str, connection: str) -> dict[str, Any] | None:
    manager = scene.stack.client("secretsmanager")
    try:
        answer = manager.get_secret_value(SecretId=f"connector/{kind}/{connection}")
    except manager.exceptions.ResourceNotFoundException:
        return None
    found: dict[str, Any] = json.loads(answer["SecretString"])
    return found


def steps(scene: Scene, connection: str) -> list[str]:
    trail = scene.doors.ledger.trail(ConnectionId(connection), CONNECTION)
    return [entry.step for entry in trail]


def test_adding_stores_everything_and_says_what_to_paste(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    run = terminal.ok("connection", "add", write_file(id="first"), env=SECRETS)
    assert f"{scene.stack.url}/webhooks/airbase/first" in run.out
    assert "shown this once" not in run.out
    assert secret(scene, "airbase-key", "first") == {
        "api_key": SECRETS["CONNECTOR_AIRBASE_API_KEY"]
    }
    assert secret(scene, "exact-app", "first") == {
        "client_id": "client-4711",
        "client_secret": SECRETS["CONNECTOR_EXACT_CLIENT_SECRET"],
    }
    exact_signing = secret(scene, "exact-webhook", "first")
    assert exact_signing == {"secrets": [SECRETS["CONNECTOR_EXACT_WEBHOOK_SECRET"]]}
    settings = secret(scene, "airbase-webhook", "first")
    assert settings is not None
    assert parse_settings(settings).order_id == "data.id"
    assert scene.doors.mappings.connection(ConnectionId("first")) is not None
    assert steps(scene, "first") == ["connection_added", "consent_taken_over"]


def test_the_trail_names_who_did_it(scene: Scene, terminal: Terminal, write_file: Write) -> None:
    terminal.ok("connection", "add", write_file(id="who"), env=NEEDED)
    (entry,) = scene.doors.ledger.trail(ConnectionId("who"), CONNECTION)
    assert entry.actor.startswith("connector arn:aws:")
    assert entry.detail["given"] == sorted(NEEDED)


def test_webhook_secrets_that_are_not_given_are_made_and_shown_once(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    path = write_file(id="made")
    first = terminal.ok("connection", "add", path, "--json", env=NEEDED).data
    made = first["generated"]
    assert set(made) == {"airbase_webhook_secret", "exact_webhook_secret"}
    assert secret(scene, "exact-webhook", "made") == {"secrets": [made["exact_webhook_secret"]]}

    again = terminal.ok("connection", "add", path, "--json").data
    assert (again["new"], again["generated"]) == (False, {})
    shown = terminal.ok("connection", "show", "made").out
    assert not [text for text in made.values() if text in shown]


def test_changing_keeps_secrets_and_follows_the_profile(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    terminal.ok("connection", "add", write_file(id="keep"), env=SECRETS)
    verification = {"scheme": "shared_header", "header": "X-Key"}
    changed = write_file(id="keep", profile={"verification": verification, "event_id": "event"})
    terminal.ok("connection", "add", changed)
    settings = secret(scene, "airbase-webhook", "keep")
    assert settings is not None
    assert settings["verification"] == verification
    assert settings["event_id"] == "event"
    assert settings["secrets"] == [SECRETS["CONNECTOR_AIRBASE_WEBHOOK_SECRET"]]


def test_secrets_are_asked_for_without_being_shown(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    typed = "typed-key-123456\ntyped-id\ntyped-client-secret\n"
    run = terminal.ok("connection", "add", write_file(id="asked"), typed=typed)
    assert "typed-" not in run.out + run.err
    assert secret(scene, "airbase-key", "asked") == {"api_key": "typed-key-123456"}


def test_without_secrets_and_without_anybody_to_ask_nothing_is_stored(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    said = terminal.refused("connection", "add", write_file(id="nobody"))
    assert "CONNECTOR_AIRBASE_API_KEY is not set" in said
    assert scene.doors.mappings.connection(ConnectionId("nobody")) is None
    assert steps(scene, "nobody") == []


def test_a_consent_from_elsewhere_is_taken_over_once(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    path = write_file(id="taken")
    terminal.ok("connection", "add", path, env=SECRETS)
    sealed = secret(scene, "exact-tokens", "taken")
    assert sealed is not None
    assert SECRETS["CONNECTOR_EXACT_REFRESH_TOKEN"] not in json.dumps(sealed)
    terminal.ok("connection", "add", path, env=SECRETS)
    assert secret(scene, "exact-tokens", "taken") == sealed, "renewed tokens would be lost"


def test_a_halt_is_lifted_by_adding_again(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    path = write_file(id="halted")
    terminal.ok("connection", "add", path, env=NEEDED)
    scene.doors.ledger.halt(ConnectionId("halted"), problem("AIRBASE_KEY_REFUSED", "halted"))
    (halt,) = terminal.ok("exceptions", "halted", "--json").data
    assert (halt["code"], halt["stops"]) == ("AIRBASE_KEY_REFUSED", "all")
    assert "AIRBASE_KEY_REFUSED" in terminal.ok("connection", "show", "halted").out

    terminal.ok("connection", "add", path, env=NEEDED)
    assert terminal.ok("exceptions", "halted", "--json").data == []


def test_another_vendor_policy_is_not_left_to_the_daily_comparison(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    id = ConnectionId("policy")
    terminal.ok("connection", "add", write_file(id=id), env=NEEDED)
    scene.stack.drain()
    assert scene.doors.ledger.read(id, VENDORS).state == "new"
    terminal.ok("connection", "add", write_file(id=id, vendors={"links": "review"}), env=NEEDED)
    scene.stack.drain()
    assert scene.doors.ledger.trail(id, VENDORS)[0].step == "started"


def test_a_secret_in_the_url_is_part_of_the_url(terminal: Terminal, write_file: Write) -> None:
    profile = {"verification": {"scheme": "url_secret", "parameter": "k"}}
    path = write_file(id="url", profile=profile)
    added = terminal.ok("connection", "add", path, "--json", env=NEEDED).data
    made = added["generated"]["airbase_webhook_secret"]
    assert added["webhooks"]["airbase"].endswith(f"/webhooks/airbase/url?k={made}")
    shown = terminal.ok("connection", "show", "url", "--json").data
    assert shown["webhooks"]["airbase"].endswith("?k=<secret>")


def test_standard_webhooks_get_a_secret_of_their_form(
    terminal: Terminal, write_file: Write
) -> None:
    profile = {"verification": {"scheme": "standard_webhooks"}}
    path = write_file(id="standard", profile=profile)
    added = terminal.ok("connection", "add", path, "--json", env=NEEDED).data
    assert added["generated"]["airbase_webhook_secret"].startswith("whsec_")


@pytest.mark.parametrize("sender", ["airbase", "exact"])
def test_a_rotation_keeps_both_secrets_until_it_is_finished(
    scene: Scene, terminal: Terminal, write_file: Write, sender: str
) -> None:
    id, name = f"rotate-{sender}", f"CONNECTOR_{sender.upper()}_WEBHOOK_SECRET"
    terminal.ok("connection", "add", write_file(id=id), env=SECRETS)
    made = terminal.ok("connection", "rotate", id, sender, "--json").data["generated"]
    (new,) = made.values()
    both = secret(scene, f"{sender}-webhook", id)
    assert both is not None
    assert both["secrets"] == [new, SECRETS[name]]
    assert "--finish" in terminal.refused("connection", "rotate", id, sender)

    terminal.ok("connection", "rotate", id, sender, "--finish")
    left = secret(scene, f"{sender}-webhook", id)
    assert left is not None
    assert left["secrets"] == [new]
    assert "nothing to finish" in terminal.refused("connection", "rotate", id, sender, "--finish")
    assert steps(scene, id)[-2:] == ["webhook_secret_rotated", "webhook_rotation_finished"]


def test_show_and_list_tell_presence_alone(terminal: Terminal, write_file: Write) -> None:
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


def test_removing_asks_forgets_and_keeps_the_trail(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    terminal.ok("connection", "add", write_file(id="gone"), env=SECRETS)
    assert "nobody to confirm" in terminal.refused("connection", "remove", "gone")
    assert terminal.run("connection", "remove", "gone", typed="n\n").exit_code == 2
    assert secret(scene, "airbase-key", "gone") is not None

    terminal.ok("connection", "remove", "gone", typed="y\n")
    kinds = ("airbase-key", "airbase-webhook", "exact-app", "exact-webhook", "exact-tokens")
    assert [secret(scene, kind, "gone") for kind in kinds] == [None] * 5
    assert "no connection 'gone'" in terminal.refused("connection", "show", "gone")
    assert steps(scene, "gone")[-1] == "connection_removed"
    assert terminal.ok("audit", "verify", "gone", "--json").data == {"whole": 1, "broken": []}

    terminal.ok("connection", "add", write_file(id="gone"), env=SECRETS)
    again = terminal.ok("connection", "show", "gone", "--json").data
    assert again["secrets"]["exact_consent"]["state"] == "stored"
