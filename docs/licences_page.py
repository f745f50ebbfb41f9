"""Write licences.md: what the layers and the command carry, from the installed packages."""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
CARRIERS = {
    "Layer of the workers": ROOT / "layers" / "connector" / "requirements.txt",
    "Layer of the console": ROOT / "layers" / "console" / "requirements.txt",
    "Command line": ROOT / "requirements" / "connector.txt",
}
_PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)(.*)$", re.MULTILINE)
_CLASSIFIER = "License :: OSI Approved :: "
_INTRODUCTION = """\
# Licences

The project is under [Apache-2.0](../LICENSE). It carries or installs the packages below, each under
its own licence, whose text is in its `dist-info` folder, also in the layers. python-stdnum
(LGPL) is used as it is published and can be replaced in a layer. `make licences` writes this page.
"""


def page() -> str:
    """Return the page for the pinned packages; raise `LookupError` for one that is missing."""
    tables = (_table(title, pins) for title, pins in CARRIERS.items())
    return "\n".join([_INTRODUCTION, *tables])


def _table(title: str, pins: Path) -> str:
    rows = [
        f"| {name} | {version} | {licence_of(distribution(name))} |"
        for name, version, marker in _PIN.findall(pins.read_text("utf-8"))
        if "win32" not in marker
    ]
    return "\n".join(
        [f"## {title}\n", "| Package | Version | Licence |", "|---|---|---|", *rows, ""]
    )


def licence_of(package: Distribution) -> str:
    """Return the licence as the package states it, in a few words."""
    facts = package.metadata.json
    if expression := facts.get("license_expression"):
        return str(expression)
    classifiers = (str(each) for each in facts.get("classifier", ()))
    if known := [_licence(each) for each in classifiers if each.startswith(_CLASSIFIER)]:
        return ", ".join(known)
    stated = str(facts.get("license") or "").strip().splitlines()
    if not stated:
        raise LookupError(f"{package.name} states no licence")
    return stated[0]


def _licence(classifier: str) -> str:
    return classifier.removeprefix(_CLASSIFIER)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
