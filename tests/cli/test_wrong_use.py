"""Wrong use and bad input: one clear line each, exit code 2 (3 if AWS fails), no traceback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ml_connector.connections.files import read_connection
from tests.cli.terminal import NEEDED, SECRETS, Terminal

EXAMPLE = Path(__file__).parents[2] / "docs" / "connection.example.toml"
DIVISION: dict[str, Any] = {"division": 2101, "subsidiaries": ["sub-nl"]}
GOOD: dict[str, Any] = {"id": "acme", "exact_site": "nl", "divisions": [DIVISION]}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal in an account without any stack."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "CONNECTOR_STACK"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield Terminal()


def add(terminal: Terminal, path: Path, **env: str) -> list[str]:
    return terminal.refused("connection", "add", str(path), env=NEEDED | env).splitlines()


def write(folder: Path, text: str, name: str = "acme.json") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


BAD_FILES: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"id": None}, "id: "),
    "id in capitals": ({"id": "ACME"}, "id: use 1 to 63 lower-case letters"),
    "id with a slash": ({"id": "a/b"}, "id: use 1 to 63"),
    "no site": ({"exact_site": None}, "name exact_site"),
    "unknown site": ({"exact_site": "it"}, "name exact_site"),
    "plain http": ({"exact_base_url": "http://exact.example"}, "exact_base_url: "),
    "no divisions": ({"divisions": []}, "divisions: "),
    "division as a word": (
        {"divisions": [DIVISION | {"division": "north"}]},
        "divisions[0].division: ",
    ),
    "no subsidiary": ({"divisions": [{"division": 1}]}, "divisions[0].subsidiaries: is missing"),
    "a division twice": ({"divisions": [DIVISION, DIVISION]}, "divisions: division named twice"),
    "unknown setting": ({"colour": "red"}, "colour: is not a setting here"),
    "unknown setting below": (
        {"divisions": [DIVISION | {"vat": "5"}]},
        "divisions[0].vat: is not a setting here",
    ),
    "bad currency": (
        {"divisions": [DIVISION | {"currency": "euro"}]},
        "divisions[0].currency: ",
    ),
    "unknown dimension": ({"tag_dimensions": {"Team": "team"}}, "tag_dimensions.Team: "),
    "no limit": ({"limits": {"calls_per_minute": 0}}, "limits.calls_per_minute: "),
    "bad path": ({"profile": {"event_id": "a["}}, "profile.event_id: not a JMESPath"),
    "bad zone": ({"profile": {"time_zone": "Mars"}}, "profile.time_zone: unknown time zone"),
    "unknown scheme": ({"profile": {"verification": {"scheme": "rot13"}}}, "profile.verification"),
    "unverified without a word": (
        {"profile": {"verification": {"scheme": "none"}}},
        "accept_unverified_webhooks",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_setting_is_named_with_its_place(
    terminal: Terminal, tmp_path: Path, case: str
) -> None:
    change, said = BAD_FILES[case]
    lines = add(terminal, write(tmp_path, json.dumps(GOOD | change)))
    assert all(line.startswith("connector: acme.json: ") for line in lines)
    assert any(said in line for line in lines)


def test_every_error_has_a_line_of_its_own(terminal: Terminal, tmp_path: Path) -> None:
    bad = GOOD | {"id": "NO", "colour": "red", "divisions": [{"division": "x", "subsidiaries": 1}]}
    assert len(add(terminal, write(tmp_path, json.dumps(bad)))) == 4


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("acme.json", "{", "Expecting"),
        ("acme.json", "[]", "is not an object"),
        ("acme.json", '{"id": "a", "id": "b"}', "named twice: id"),
        ("acme.json", "[" * 100_000, "acme.json: "),
        ("acme.toml", "id = ", "Invalid value"),
        ("acme.toml", 'id = "a"\nid = "b"', "overwrite"),
        ("acme.yaml", "id: acme", "name it .toml or .json"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    terminal: Terminal, tmp_path: Path, name: str, text: str, said: str
) -> None:
    (line,) = add(terminal, write(tmp_path, text, name))
    assert said in line


def test_a_missing_or_binary_file_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    assert "No such file" in add(terminal, tmp_path / "none.toml")[0]
    (tmp_path / "acme.toml").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in add(terminal, tmp_path / "acme.toml")[0]
    (tmp_path / "folder.toml").mkdir()
    assert add(terminal, tmp_path / "folder.toml")


def test_values_in_the_file_are_not_shown(terminal: Terminal, tmp_path: Path) -> None:
    bad = GOOD | {
        "api_key": "canary-in-the-file",
        "airbase_base_url": "https://me:canary-in-the-url@airbase.example",
    }
    said = "\n".join(add(terminal, write(tmp_path, json.dumps(bad))))
    assert "api_key: is not a setting here" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CONNECTOR_AIRBASE_API_KEY", "two\nlines", "line breaks"),
        ("CONNECTOR_AIRBASE_API_KEY", " ", "empty"),
    ],
)
def test_an_invalid_secret_is_refused(
    terminal: Terminal, tmp_path: Path, name: str, value: str, said: str
) -> None:
    (line,) = add(terminal, write(tmp_path, json.dumps(GOOD)), **{name: value})
    assert line.startswith(f"connector: {name} is ")
    assert said in line
    assert not value.strip() or value.strip() not in line


def test_secrets_cannot_be_passed_as_options(terminal: Terminal) -> None:
    for name in SECRETS:
        option = "--" + name.removeprefix("CONNECTOR_").lower().replace("_", "-")
        run = terminal.run("connection", "add", "file.toml", option, "x")
        assert run.exit_code == 2
        assert "No such option" in run.err


def test_a_missing_stack_is_named(terminal: Terminal) -> None:
    said = terminal.refused("--stack", "nowhere", "orders", "acme")
    assert said.startswith("connector: there is no stack 'nowhere' in eu-central-1: name it")
    assert len(said.splitlines()) == 1


def test_a_stack_that_is_not_a_connector_is_refused(terminal: Terminal) -> None:
    template = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
    formation = boto3.client("cloudformation", region_name="eu-central-1")
    formation.create_stack(StackName="other", TemplateBody=json.dumps(template))
    assert "is not a connector" in terminal.refused("--stack", "other", "connection", "list")


def test_without_a_region_or_profile_it_says_what_to_do(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "no AWS region" in terminal.refused("connection", "list", code=3)
    monkeypatch.setenv("AWS_PROFILE", "of-nobody")
    assert "not configured" in terminal.refused(
        "--region", "eu-west-1", "connection", "list", code=3
    )


def test_local_needs_make_local(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "make local" in terminal.refused("--local", "orders", "acme")
    (tmp_path / ".connector-local").mkdir()
    write(tmp_path / ".connector-local", "AWS_ENDPOINT_URL=http://127.0.0.1:1\n", "env")
    assert "lacks AWS_DEFAULT_REGION" in terminal.refused("--local", "orders", "acme")


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("orders",),
        ("audit", "show", "acme"),
        ("retry", "acme"),
        ("retry", "acme", "PO-1", "--all"),
        ("refresh", "acme", "north"),
        ("codes", "NONSENSE"),
        ("connection", "rotate", "acme"),
        ("ping", "acme", "other"),
        ("map", "import", "acme"),
        ("map", "export", "acme"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_refused(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert terminal.refused(*words)


def test_codes_explain_every_exception(terminal: Terminal) -> None:
    every = terminal.ok("codes", "--json").data
    assert len(every) > 80
    assert all(each["cause"] and each["remedy"] and "{" not in each["cause"] for each in every)
    (one,) = terminal.ok("codes", "reconnect_needed", "--json").data
    assert "connector connection consent" in one["remedy"]
    assert "To do:" in terminal.ok("codes", "UNKNOWN_VENDOR").out
    assert "did you mean UNKNOWN_VENDOR" in terminal.refused("codes", "UNKNOWN_VENDER")


def test_the_example_is_complete_and_valid() -> None:
    connection = read_connection(EXAMPLE)
    assert [each.subsidiaries[0] for each in connection.divisions] == [
        "Acme Nederland",
        "Acme Belgium",
        "Acme Deutschland",
    ]
    text = EXAMPLE.read_text(encoding="utf-8")
    shapes = (
        type(connection),
        type(connection.divisions[0]),
        type(connection.sites[0].limits),
        type(connection.divisions[0].mappings),
        type(connection.profile),
    )
    missing = [name for shape in shapes for name in shape.model_fields if name not in text]
    assert missing == ["supplier_rows", "other_rows"], "stored settings, or of several sites"


@pytest.mark.parametrize(
    ("words", "both"),
    [
        (("exceptions", "--csv", "-", "--json"), "--csv - and --json"),
        (("orders", "acme", "--json", "--csv", "-"), "--csv - and --json"),
        (("reconcile", "acme", "--month", "2026-10", "--csv", "-", "--html", "-"),
         "--csv - and --html -"),
        (("rehearse", "acme", "--month", "2026-10", "--html", "-", "--json"),
         "--html - and --json"),
        (("ready", "acme", "--csv", "-", "--html", "-", "--json"),
         "--csv - and --html - and --json"),
        (("map", "export", "acme", "--out", "-", "--json"), "--out - and --json"),
        (("vendors", "export", "acme", "--out", "-", "--json"), "--out - and --json"),
        (("audit", "export", "acme", "--out", "-", "--json"), "--out - and --json"),
    ],
)  # fmt: skip
def test_standard_output_takes_one_thing(
    terminal: Terminal, words: tuple[str, ...], both: str
) -> None:
    said = terminal.refused(*words)
    assert said == (
        f"connector: {both} both write to standard output: name a file, or leave one out\n"
    )
