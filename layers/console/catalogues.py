"""Bring the catalogues of texts up to date: those of the pages here, the others in the connector.

Adds new texts to locales/*.po, and drops those that are gone. The builds compile them.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from jinja2 import Environment, nodes

import ml_connector.languages
import ml_console
from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.languages import po_files
from ml_connector.languages.exception_texts import heading

CONSOLE = Path(ml_console.__file__ or "").parent
LANGUAGES = Path(ml_connector.languages.__file__ or "").parent
_NOTIFICATIONS = LANGUAGES.parent / "notifications"
HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural={};\n"
PLURALS = {"nl": "(n != 1)", "de": "(n != 1)", "fr": "(n > 1)"}
"""The languages that are translated to, and which numbers take their plural."""
FOLDERS = {"pages": CONSOLE / "locales"} | dict.fromkeys(
    ("messages", "exceptions"), LANGUAGES / "locales"
)
"""Where the catalogues of each kind are."""
_MARKS = {"say": 1, "marked": 1, "count": 2}
_IN_TEMPLATES = {"_": 1, "_n": 2}


def texts(kind: str) -> set[tuple[str, str]]:
    """Return every text with its plural, or an empty one: a key of `FOLDERS`."""
    return set(_SOURCES[kind]())


def update() -> None:
    """Write every catalogue with the texts that there are, and the translations that it had."""
    for kind, folder in FOLDERS.items():
        for language, plural in PLURALS.items():
            path = folder / f"{kind}.{language}.po"
            before = po_files.read(path.read_text("utf-8")) if path.is_file() else []
            known = {(each.text, each.plural): each for each in before}
            entries = [po_files.PoEntry("", "", (HEADER.format(plural),))]
            entries += [known.get(each) or po_files.PoEntry(*each) for each in texts(kind)]
            path.write_text(po_files.write(entries), "utf-8")


def _of_pages() -> Iterator[tuple[str, str]]:
    yield from _of_modules(CONSOLE)
    for path in sorted((CONSOLE / "templates").glob("*.html")):
        yield from _of_template(path.read_text("utf-8"))


def _of_messages() -> Iterator[tuple[str, str]]:
    yield from _of_modules(LANGUAGES)
    yield from _of_modules(_NOTIFICATIONS)


def _of_exceptions() -> Iterator[tuple[str, str]]:
    """Yield the heading of each code, what happened, what to do, and what is said further."""
    for entry in CATALOGUE.values():
        for text in (heading(entry.code), entry.cause, entry.remedy, *entry.details.values()):
            yield text, ""


def _of_modules(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.py")):
        yield from _of_python(ast.parse(path.read_text("utf-8")))


def _of_python(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            yield from _pair(_MARKS.get(name, 0), [_text(each) for each in node.args])


def _of_template(source: str) -> Iterator[tuple[str, str]]:
    tree = Environment(autoescape=True).parse(source)
    for call in tree.find_all(nodes.Call):
        name = call.node.name if isinstance(call.node, nodes.Name) else ""
        given = [each.value if isinstance(each, nodes.Const) else None for each in call.args]
        yield from _pair(_IN_TEMPLATES.get(name, 0), given)


def _pair(wanted: int, given: list[object]) -> Iterable[tuple[str, str]]:
    texts = given[:wanted]
    if wanted and len(texts) == wanted and all(isinstance(each, str) and each for each in texts):
        yield str(texts[0]), str(texts[1]) if wanted == 2 else ""


def _text(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


_SOURCES = {"pages": _of_pages, "messages": _of_messages, "exceptions": _of_exceptions}


if __name__ == "__main__":
    update()
