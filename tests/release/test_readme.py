"""The README leads from a try to daily use, and what it shows and names is there."""

import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from connector_cli.verbs import VERBS
from ml_connector.exact import scopes
from ml_connector.exact.reference_data import SCOPES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CONNECTOR = ROOT / ".venv/bin/connector"


def test_the_order_is_try_deploy_connect_operate() -> None:
    headings = re.findall(r"^## (.+)$", README, re.MULTILINE)
    assert headings[:4] == ["Try", "Deploy", "Connect", "Operate"]


def test_the_picture_stands_before_the_first_step_and_needs_nothing_else() -> None:
    found = re.search(r"!\[[^\]]{40,}\]\((docs/[\w.]+\.svg)\)", README)
    assert found
    assert found.start() < README.index("## Try")
    text = (ROOT / found[1]).read_text("utf-8")
    picture = ET.fromstring(text)
    names = {element.tag.rpartition("}")[2] for element in picture.iter()}
    assert {"title", "desc"} <= names
    assert names.isdisjoint({"script", "image", "foreignObject", "style"})
    assert not re.search(r"href|url\((?!#)", text)


def test_every_link_leads_somewhere() -> None:
    for path in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README):
        assert (ROOT / path).exists(), path
    anchors = set(re.findall(r"\]\(#([^)]+)\)", README))
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    assert anchors <= {heading.lower().replace(" ", "-") for heading in headings}


def packages(folder: str) -> set[str]:
    """Return the packages that lie in a folder."""
    return {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}


def test_the_tables_of_folders_and_packages_are_complete() -> None:
    table = README[README.index("| Where | What |") : README.index("### How it is tested")]
    named = set(re.findall(r"`([\w/]+?)/?`", table))
    listed = subprocess.run(
        ["git", "ls-tree", "-d", "--name-only", "HEAD"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    folders = {name for name in listed if not name.startswith(".")} - {"layers"}
    assert folders <= named, "every folder is in the table"
    assert packages("layers/connector/ml_connector") <= named
    architecture = (ROOT / "docs/architecture.md").read_text("utf-8")
    for name in packages("layers/connector/ml_connector"):
        assert re.search(rf"\b{name}\b", architecture), name
    functions = sum(1 for _ in (ROOT / "functions").glob("*/app.py"))
    assert functions == 7, "as the table says"
    assert "seven entry points" in table


def test_every_verb_is_shown() -> None:
    documented = README + (ROOT / "docs/cli.md").read_text("utf-8")
    shown = set(re.findall(r"connector (?:--local )?([a-z-]+)", documented))
    assert set(VERBS) - shown == set()
    operate = README[README.index("## Operate") : README.index("### The finance console")]
    for verb in ("explain", "codes", "fetch", "refresh", "restored", "migrate", "redrive"):
        assert f"connector {verb} " in operate


def test_the_scopes_are_those_of_the_one_list() -> None:
    text = " ".join(README.split())
    for scope in scopes.REGISTERED:
        assert scope in text, scope
    registered = {scope.partition(" (")[0] for scope in scopes.REGISTERED}
    assert set(SCOPES.values()) <= registered


def test_commands_are_typed_as_they_lie_here() -> None:
    """Before it is installed, only the path of the environment works."""
    lines = [line.strip() for block in blocks() for line in block.splitlines()]
    assert [line for line in lines if line.startswith("connector ")] == []
    for path in {line.split()[0] for line in lines if line.startswith(".venv/")}:
        assert path == ".venv/bin/connector"


def blocks() -> list[str]:
    return re.findall(r"^ *```sh\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)


def test_the_files_that_commands_name_are_here() -> None:
    """A file of the user's own stands alone; one in a folder is of this repository."""
    named = [
        word for block in blocks() for word in block.split()
        if re.fullmatch(r"(?:docs|profiles|events)/[\w./-]+", word)
    ]  # fmt: skip
    assert named
    for path in named:
        assert (ROOT / path).exists(), path


@pytest.mark.skipif(not CONNECTOR.exists(), reason="the command is not set up here")
def test_what_works_offline_works_as_printed() -> None:
    (block,) = [each for each in blocks() if "profile try" in each]
    command = block.partition(".venv/bin/connector vendors")[0]
    run = subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode in {0, 1}, run.stderr
    assert run.stdout.startswith("Signature: ")
