"""The page on operations types commands that its reader has."""

import re
from pathlib import Path

from connector_cli.verbs import VERBS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
CODE = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", PAGE, re.DOTALL)
LINES = [line.strip() for block in CODE for line in "".join(block).splitlines()]


def test_the_aws_sam_command_is_named_where_make_installs_it() -> None:
    found = [line for line in LINES if re.search(r"(?<![\w/-])sam (delete|deploy|list)", line)]
    assert found == []
    assert any(line.startswith(".venv-sam/bin/sam ") for line in LINES)
    assert "SAM := .venv-sam/bin/sam" in (ROOT / "Makefile").read_text("utf-8")


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {found[1] for line in LINES if (found := re.match(r"make ([a-z-]+)", line))}
    assert {"deploy", "test", "kept"} <= named
    assert named <= targets


def test_every_verb_of_the_connector_exists() -> None:
    verbs = set(VERBS)
    found = (re.match(r"(?:\.venv/bin/)?connector ([a-z]+)", line) for line in LINES)
    named = {each[1] for each in found if each}
    assert {"ping", "notify", "migrate", "redrive"} <= named
    assert named <= verbs


def test_an_upgrade_ends_with_a_check_and_a_way_back() -> None:
    upgrade = PAGE.partition("## Upgrade")[2].partition("\n## ")[0]
    check, _, back = upgrade.partition("To go back")
    assert "connector ping CONNECTION" in check
    assert "one sweep" in check
    assert "git checkout TAG" in back
    assert "check as" in back
