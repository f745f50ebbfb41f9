"""Help is there at once, in groups, and says of each verb what the verb says of itself."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from connector_cli.main import app
from connector_cli.verbs import VERBS
from tests.cli.terminal import Terminal

ROOT = Path(__file__).parents[2]
GROUPS = ("Set up a company", "Every day", "Look up and check", "Operate the stack")


@pytest.mark.parametrize("name", VERBS)
def test_the_list_says_of_a_verb_what_it_says_itself(name: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    command = group.get_command(typer.Context(group), name)
    assert command is not None
    first = " ".join((command.help or "").split("\n\n")[0].split())
    assert VERBS[name].help == first


def test_verbs_are_listed_in_groups(terminal: Terminal) -> None:
    text = terminal.ok("--help").out
    places = [text.index(f" {group} ") for group in GROUPS]
    assert places == sorted(places)
    assert {verb.group for verb in VERBS.values()} == set(GROUPS)
    assert all(f" {name} " in text for name in VERBS)


def test_an_unknown_verb_is_named(terminal: Terminal) -> None:
    assert "No such command 'order'" in terminal.refused("order")


def test_help_loads_no_client_and_no_model() -> None:
    code = (
        "import sys; from connector_cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*(name for name in ('botocore', 'httpx', 'pydantic', 'openpyxl', 'rapidfuzz', "
        "'aws_lambda_powertools', 'click') if name in sys.modules), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
        env={"PYTHONPATH": "layers/connector:cli", "PATH": ""},
    )  # fmt: skip
    assert run.stderr == "\n"


def test_the_version_is_that_of_the_project(terminal: Terminal) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert terminal.ok("--version").out == f"connector {project['version']}\n"


def test_help_keeps_its_brackets(terminal: Terminal) -> None:
    assert (
        "as the `[profile]` of a connection file" in terminal.ok("profile", "learn", "--help").out
    )
    assert "`[profile]`" in terminal.ok("profile", "--help").out
