"""Texts are taken as they are typed; what is not a text is still checked by Typer."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from connector_cli.typed_texts import take_texts_as_typed


def command() -> tuple[Any, list[Any]]:
    """Return a command, and what it was called with."""
    seen: list[Any] = []
    app = typer.Typer()

    @app.command()
    def verb(
        name: str,
        others: Annotated[list[str] | None, typer.Argument()] = None,
        of: str | None = None,
        code: Annotated[list[str] | None, typer.Option()] = None,
        limit: Annotated[int | None, typer.Option(min=1)] = None,
        file: Path | None = None,
        is_all: Annotated[bool, typer.Option("--all")] = False,
    ) -> None:
        seen.append((name, others, of, code, limit, file, is_all))

    return typer.main.get_command(app), seen


@pytest.mark.parametrize(
    "words",
    [
        ["x"],
        ["x", "y", "z"],
        ["x", "--of", ""],
        ["x", "--code", "A", "--code", "B", "--limit", "3", "--file", "a.csv", "--all"],
        ["x", "--limit", "0"],
        ["x", "--limit", "many"],
        [],
        ["x", "--unknown"],
    ],
)
def test_it_is_as_without(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    plain, as_before = command()
    quick, as_typed = command()
    take_texts_as_typed(quick)
    outcomes = []
    for each in (plain, quick):
        with pytest.raises(SystemExit) as ended:
            each(words)
        outcomes.append((ended.value.code, capsys.readouterr()))
    assert outcomes[0] == outcomes[1]
    assert as_typed == as_before


@pytest.mark.parametrize("verb", ["orders", "exceptions"])
def test_a_list_loads_neither_models_nor_a_client_of_a_remote(verb: str, tmp_path: Path) -> None:
    """Up to the stack that it cannot open: there is none."""
    code = f"""
import sys
from connector_cli.main import app
try:
    app(["--local", {verb!r}, "my-firm"])
except SystemExit:
    pass
import connector_cli.commands.{verb}
unwanted = {{"pydantic", "httpx", "rich", "cryptography", "aws_lambda_powertools", "openpyxl"}}
print(sorted(unwanted & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
