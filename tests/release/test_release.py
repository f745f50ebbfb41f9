"""What is released is complete, licensed, and dated in the changelog."""

import importlib.util
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
VERSION = PROJECT["project"]["version"]


def names(file: str) -> set[str]:
    lines = (ROOT / file).read_text("utf-8").splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-r"))}


def pinned(file: str) -> dict[str, str]:
    text = (ROOT / file).read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def test_the_page_of_licences_is_that_of_the_pinned_packages() -> None:
    path = ROOT / "docs" / "licences_page.py"
    spec = importlib.util.spec_from_file_location("licences_page", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "licences.md").read_text("utf-8") == module.page(), "make licences"


def test_the_wheel_needs_what_the_layers_and_the_command_need() -> None:
    files = PROJECT["tool"]["setuptools"]["dynamic"]["dependencies"]["file"]
    included = re.findall(
        r"^-r (\S+)$", (ROOT / "requirements/connector.in").read_text(), re.MULTILINE
    )
    assert files == [f"requirements/{name}" for name in included]
    assert set().union(*map(names, files)) <= pinned("requirements/connector.txt").keys()


@pytest.mark.parametrize("part", ["connector", "demo", "test", "lint", "types", "measure"])
def test_all_parts_have_the_same_versions(part: str) -> None:
    every = pinned("requirements/dev.txt")
    assert pinned(f"requirements/{part}.txt").items() <= every.items()


def test_every_package_is_found_and_typed() -> None:
    find = PROJECT["tool"]["setuptools"]["packages"]["find"]
    for folder, package in zip(
        find["where"], ("ml_connector", "ml_console", "connector_cli"), strict=True
    ):
        assert (ROOT / folder / package / "py.typed").is_file()
        for module in (ROOT / folder / package).rglob("*.py"):
            assert (module.parent / "__init__.py").is_file(), module


def test_the_licence_is_whole_and_the_authors_are_named() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert "the authors" in (ROOT / "NOTICE").read_text("utf-8")
    assert PROJECT["project"]["license"] == "Apache-2.0"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the files that a release checks, and no checks of its own."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    recipe = makefile[makefile.index("VERSION := ") : makefile.index(".PHONY: legal-forms")]
    rest = "check:\n\t@echo checked\nwheel-test:\n\t@mkdir -p dist && touch dist/x.whl\n"
    (tmp_path / "Makefile").write_text(f"{recipe}\n{rest}")
    (tmp_path / ".gitignore").write_text("dist/\n")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changes\n\n## {VERSION} (2026-11-30)\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    run = subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return run.stdout


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")


def release(folder: Path) -> tuple[int, str]:
    run = subprocess.run(
        ["make", "--no-print-directory", "release"],
        cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder),
             "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@example.com",
             "GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@example.com"},
    )  # fmt: skip
    return run.returncode, run.stdout + run.stderr


def test_a_release_is_checked_built_and_tagged(repository: Path) -> None:
    code, said = release(repository)
    assert (code, "checked" in said) == (0, True)
    assert f"git push origin v{VERSION}" in said
    assert git(repository, "tag").split() == [f"v{VERSION}"]
    assert git(repository, "cat-file", "-t", f"v{VERSION}") == "tag\n"
    code, said = release(repository)
    assert code != 0
    assert f"there is a tag v{VERSION}" in said


def test_a_version_without_a_date_in_the_changelog_is_not_released(repository: Path) -> None:
    (repository / "CHANGELOG.md").write_text(f"# Changes\n\n## {VERSION} (unreleased)\n")
    assert "commit your changes first" in release(repository)[1]
    commit(repository)
    code, said = release(repository)
    assert (code != 0, "checked" in said) == (True, False)
    assert f"## {VERSION} (2026-11-30)" in said
    assert git(repository, "tag") == ""
