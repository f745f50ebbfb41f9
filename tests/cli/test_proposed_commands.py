"""A command that is proposed works when it is pasted, with the options typed before it."""

import ast
import logging
import re
import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

import connector_cli
import ml_connector
from connector_cli.main import app
from connector_cli.options import Options, typed_before_verb
from connector_cli.printing import print_error, print_line, print_table, propose_commands_as
from ml_connector import telemetry
from ml_connector.domain.exception_codes import CATALOGUE, problem
from ml_connector.domain.exception_codes.templates import in_general
from ml_connector.domain.words import command
from ml_connector.exceptions import codes
from tests.cli.terminal import Terminal

ROOT = Path(__file__).parents[2]
PROPOSED = re.compile(r"`(connector [a-z][^`]*)`")
TYPED = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?(connector .*)")
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PACKAGES = (Path(ml_connector.__file__ or "").parent, Path(connector_cli.__file__ or "").parent)


class WrongCommandError(Exception):
    """A command that the command line would not take."""


def parse(text: str, *, is_whole: bool = True) -> None:
    """Parse a command without running it; one that is only named may lack its arguments."""
    words = shlex.split(text, comments=True)[1:]
    found: Any = typer.main.get_command(app)
    try:
        context = found.make_context("connector", words)
        while True:
            rest = [*getattr(context, "_protected_args", ()), *context.args]
            if not (hasattr(found, "resolve_command") and rest):
                break
            name, found, left = found.resolve_command(context, rest)
            context = found.make_context(name, left, parent=context)
    except typer.Exit:  # --help, --version
        return
    except TyperException as error:
        said = getattr(error, "message", "") or str(error)
        if is_whole or not re.search("Missing|requires an arg|Input should be", said):
            raise WrongCommandError(f"{text}: {said}") from None


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module that people may see: no docstrings, no help of an option."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped |= set(ast.walk(node)) if isinstance(node.value, ast.Constant) else set()
        if isinstance(node, ast.keyword) and node.arg == "help":
            skipped |= set(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            skipped |= set(ast.walk(node))
            parts = (each.value if isinstance(each, ast.Constant) else "1" for each in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def proposed_by(tree: ast.AST) -> Iterator[str]:
    """Yield the commands in texts, and those made by `command`, whose values are not known here."""
    for text in texts_of(tree):
        yield from PROPOSED.findall(text) if "{" not in text else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "command":
            if any(isinstance(each, ast.Starred) for each in node.args):
                continue
            words = (each.value if isinstance(each, ast.Constant) else "1" for each in node.args)
            yield shlex.join(["connector", *map(str, words)])


def blocks_and_prose(page: Path) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a page, and whether each is to be typed."""
    is_block = False
    for line in page.read_text("utf-8").replace("\\\n", " ").splitlines():
        if line.strip().startswith("```"):
            is_block = not is_block
        else:
            yield line, is_block


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_the_commands_of_remedies_are_right(code: str) -> None:
    values = dict.fromkeys(re.findall(r"\{(\w+)\}", CATALOGUE[code].remedy), "1")
    for each in PROPOSED.findall(in_general(CATALOGUE[code].remedy, **values)):
        parse(each)


def test_the_commands_in_texts_are_right() -> None:
    found = [
        each
        for package in PACKAGES
        for path in package.rglob("*.py")
        for each in proposed_by(ast.parse(path.read_text("utf-8")))
    ]
    for each in found:
        parse(each)
    assert len(found) > 25


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_the_commands_of_the_documents_are_right(page: Path) -> None:
    for line, is_block in blocks_and_prose(page):
        if is_block and (found := TYPED.match(line)):
            for each in re.split(r" && | \| | > ", found[1]):
                if each.startswith("connector "):
                    parse(each)
        for each in () if is_block else PROPOSED.findall(line):
            parse(re.sub(r"[][]|\.\.\.", "", each), is_whole=False)


@pytest.mark.parametrize(
    "text",
    ["connector pong", "connector ping --fast", "connector fetch my-firm", "connector map"],
)
def test_a_wrong_command_would_be_seen(text: str) -> None:
    with pytest.raises(WrongCommandError):
        parse(text)


def test_a_command_has_its_values_quoted() -> None:
    assert command("retry", "my-firm", "PO 1") == "`connector retry my-firm 'PO 1'`"
    found = problem(
        "POSSIBLE_DUPLICATE", "PO 1", "numbers", numbers="7", connection="my-firm", order="PO 1",
        number="7",
    )  # fmt: skip
    assert "`connector adopt my-firm 'PO 1' --exact-number 7`" in found.remedy


# What was typed before the verb


def test_what_was_typed_before_the_verb_is_proposed_again(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    run = terminal.run("--region", "eu-central-1", "--stack", "connector", "exceptions")
    typed = "`connector --stack connector --region eu-central-1 connect my-firm`"
    assert typed in run.out
    parse(typed.strip("`"))
    assert "`connector connect my-firm`" in terminal.run("exceptions").out
    propose_commands_as("connector --local")
    print_line(f"Run {command('ping')}.")
    print_error(f"run {command('ping')}")
    print_table(("To do",), [(command("ping"),)])
    shown = capsys.readouterr()
    assert shown.out.count("`connector --local ping`") == 2
    assert shown.err.count("`connector --local ping`") == 1
    propose_commands_as("connector")


def test_what_the_environment_says_is_not_repeated(terminal: Terminal) -> None:
    run = terminal.run("exceptions", env={"CONNECTOR_STACK": "connector"})
    assert "`connector connect my-firm`" in run.out


@pytest.mark.parametrize(
    ("typed", "found", "program"),
    [
        (".venv/bin/connector", None, ".venv/bin/connector"),
        (".venv/bin/connector", "/usr/bin/connector", ".venv/bin/connector"),
        ("/usr/bin/connector", "/usr/bin/connector", "connector"),
        ("/usr/bin/pytest", None, "connector"),
    ],
)
def test_the_command_is_named_as_the_shell_finds_it(
    monkeypatch: pytest.MonkeyPatch, typed: str, found: str | None, program: str
) -> None:
    monkeypatch.setattr("sys.argv", [typed])
    monkeypatch.setattr("shutil.which", lambda _: found)
    assert typed_before_verb(Options(), set()) == program
    assert typed_before_verb(Options("a b", None, local=True), {"stack", "region"}) == (
        f"{program} --stack 'a b' --local"
    )


# Libraries


def test_what_libraries_log_stays_out_of_peoples_output(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)

    def noisy(_: object) -> list[dict[str, str]]:
        logging.getLogger("stamina").warning("stamina.retry_scheduled")
        telemetry.logger().error("something")
        warnings.warn_explicit("styles", UserWarning, "openpyxl.py", 1, module="openpyxl.reader")
        return []

    monkeypatch.setattr(codes, "explain", noisy)
    try:
        run = terminal.ok("codes", "--json")
        assert (run.out, run.err, logged) == ("[]\n", "", [])
        logging.getLogger("stamina").warning("a function")
        assert logged == ["a function"]
    finally:
        logging.getLogger().removeHandler(handler)
