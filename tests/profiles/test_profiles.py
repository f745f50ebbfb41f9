"""Each profile of the library reads its recorded call; a learnt one reads its sample."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml_connector.connections.profile_proposal import propose_profile
from ml_connector.connections.profile_trial import (
    RIGHT,
    WRONG,
    ProfileTrial,
    read_headers,
    read_json,
    read_profile,
    try_profile,
)
from ml_connector.secret import Secret
from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.user_errors import UserError
from tests.cli.terminal import Terminal

LIBRARY = Path(__file__).parents[2] / "profiles"
PROFILES = sorted(path.name for path in LIBRARY.iterdir() if path.is_dir())
SECRET = Secret("whsec-of-this-fixture")


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def tried(name: str, body: bytes | None = None, secret: Secret | None = SECRET) -> ProfileTrial:
    folder = LIBRARY / name
    order = folder / "order.json"
    return try_profile(
        read_profile(folder / "profile.toml"),
        body or (folder / "body.json").read_bytes(),
        read_headers(folder / "headers.txt"),
        secret,
        read_json(order) if order.exists() else None,
    )


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_reads_its_recorded_call(name: str) -> None:
    found = tried(name)
    assert (found.signature, found.about, found.problems) == (RIGHT, "order", ())
    assert found.event_id
    expected = json.loads((LIBRARY / name / "expected.json").read_text("utf-8"))
    assert found.as_dict()["order"] == expected
    assert found.id == expected["id"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_changed_call_or_another_secret_is_refused(name: str) -> None:
    assert tried(name, secret=Secret("some-other-secret")).signature == WRONG
    if (read_profile(LIBRARY / name / "profile.toml").verification.scheme) != "shared_header":
        body = (LIBRARY / name / "body.json").read_bytes()
        assert tried(name, body=body.replace(b"approved", b"approvee", 1)).signature == WRONG


@pytest.mark.parametrize("name", PROFILES)
def test_what_is_learnt_from_an_order_reads_it(name: str) -> None:
    folder = LIBRARY / name
    source = folder / ("order.json" if (folder / "order.json").exists() else "body.json")
    sample = read_json(source)
    sample = sample.get("result", sample)
    proposal = propose_profile(sample)
    settings: dict[str, Any] = dict(proposal.settings)
    if name == "shared-header":
        assert any("if they are cents" in text for text in proposal.unsure)
        settings["money_form"] = "minor_units"
    profile = AirbaseProfile.model_validate(settings | {"time_zone": "Europe/Amsterdam"})
    order_in_event = profile.order_source == "event"
    body = json.dumps(sample, default=str).encode() if order_in_event else b'{"data":{"id":"1"}}'
    found = try_profile(profile, body, {}, None, None if order_in_event else sample)
    assert found.problems == ()
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    assert found.as_dict()["order"] == expected


@pytest.mark.parametrize("name", PROFILES)
def test_a_proposal_is_a_file_that_can_be_tried(
    name: str, tmp_path: Path, terminal: Terminal
) -> None:
    folder = LIBRARY / name
    source = folder / ("order.json" if (folder / "order.json").exists() else "body.json")
    text = terminal.ok("profile", "learn", str(source)).out
    path = tmp_path / "profile.toml"
    path.write_text(text, encoding="utf-8")
    assert read_profile(path).order.lines in {"expense_list", "lineItems", "splits"}


def test_a_person_sees_what_the_connector_would_make_of_a_call(terminal: Terminal) -> None:
    folder = LIBRARY / "default"
    words = [
        "profile", "try", "--profile", str(folder / "profile.toml"),
        "--body", str(folder / "body.json"), "--headers", str(folder / "headers.txt"),
    ]  # fmt: skip
    secret = {"CONNECTOR_AIRBASE_WEBHOOK_SECRET": "whsec-of-this-fixture"}
    out = terminal.ok(*words, env=secret).out
    assert "Signature: right." in out
    assert "about order 5b0f5c1e-0001" in out
    assert "GET /v1/purchase_orders/5b0f5c1e-0001/" in out
    out = terminal.ok(*words, "--order", str(folder / "order.json"), env=secret).out
    assert "PO-1001, approved, purchase_order, EUR 1,290.00" in out
    assert "Zorendis B.V." in out
    run = terminal.run(*words, env={"CONNECTOR_AIRBASE_WEBHOOK_SECRET": "another-secret-of-mine"})
    assert (run.exit_code, "Signature: wrong" in run.out) == (1, True)
    assert "not checked (no secret was given)" in terminal.ok(*words).out


def test_what_is_missing_in_an_order_is_said(tmp_path: Path, terminal: Terminal) -> None:
    folder = LIBRARY / "default"
    order = json.loads((folder / "order.json").read_text("utf-8"))
    del order["total_amount"], order["vendor"]
    path = tmp_path / "order.json"
    path.write_text(json.dumps(order))
    run = terminal.run(
        "profile", "try", "--profile", str(folder / "profile.toml"),
        "--body", str(folder / "body.json"), "--order", str(path),
    )  # fmt: skip
    assert run.exit_code == 1
    assert run.out.count("MISSING_FIELD") == 2
    assert "To do: " in run.out


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("body.json", "[]", "not a JSON object"),
        ("headers.txt", "no header here", "line 1: is not a header"),
        ("profile.toml", "[profile]\nevent_idd = 'x'", "event_idd"),
        ("profile.toml", "[profile", "profile.toml: "),
    ],
)
def test_wrong_use_is_named(
    tmp_path: Path, terminal: Terminal, file: str, text: str, said: str
) -> None:
    for name in ("body.json", "headers.txt", "profile.toml"):
        source = (LIBRARY / "default" / name).read_text("utf-8")
        (tmp_path / name).write_text(text if name == file else source)
    words = [f"--{n.partition('.')[0]}={tmp_path / n}" for n in ("body.json", "headers.txt")]
    line = terminal.refused("profile", "try", *words, f"--profile={tmp_path / 'profile.toml'}")
    assert said in line


def test_a_sample_without_an_order_is_refused() -> None:
    with pytest.raises(UserError, match="nothing in the sample looks like an order"):
        propose_profile({"data": {"id": "x", "lines": ["a"]}})
