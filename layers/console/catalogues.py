"""Bring the catalogues of texts up to date, or compile them for the build.

python catalogues.py           adds new texts to ml_console/locales/*.po, drops those that are gone
python catalogues.py FOLDER    compiles the catalogues of a built package, and drops their sources
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent / "ml_console"
HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural={};\n"
PLURALS = {"nl": "(n != 1)", "de": "(n != 1)", "fr": "(n > 1)"}
"""The languages that are translated to, and which numbers take their plural."""
_MARKS = {"say": 1, "marked": 1, "count": 2}
_IN_TEMPLATES = {"_": 1, "_n": 2}


def texts(kind: str) -> set[tuple[str, str]]:
    """Return every text with its plural, or an empty one: of "pages", or of "exceptions"."""
    return set(_SOURCES[kind]())


def update() -> None:
    """Write every catalogue with the texts that there are, and the translations that it had."""
    from ml_console import po_files  # noqa: PLC0415  the build needs it from elsewhere

    for kind in _SOURCES:
        for language, plural in PLURALS.items():
            path = PACKAGE / "locales" / f"{kind}.{language}.po"
            before = po_files.read(path.read_text("utf-8")) if path.is_file() else []
            known = {(each.text, each.plural): each for each in before}
            entries = [po_files.Entry("", "", (HEADER.format(plural),))]
            entries += [known.get(each) or po_files.Entry(*each) for each in texts(kind)]
            path.write_text(po_files.write(entries), "utf-8")


def compile_all(package: Path) -> None:
    """Compile the catalogues of a built package in its place."""
    sys.path.insert(0, str(package.parent))
    from ml_console import po_files  # noqa: PLC0415

    for path in sorted((package / "locales").glob("*.po")):
        entries = po_files.read(path.read_text("utf-8"))
        path.with_suffix(".mo").write_bytes(po_files.compiled(entries))
        path.unlink()


def _of_pages() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from _of_python(ast.parse(path.read_text("utf-8")))
    for path in sorted((PACKAGE / "templates").glob("*.html")):
        yield from _of_template(path.read_text("utf-8"))


def _of_exceptions() -> Iterator[tuple[str, str]]:
    """Yield the heading of each code, what happened, what to do, and what is said further."""
    from ml_connector.domain.exception_codes import CATALOGUE  # noqa: PLC0415
    from ml_console.formats import heading  # noqa: PLC0415

    for entry in CATALOGUE.values():
        for text in (heading(entry.code), entry.cause, entry.remedy, *entry.details.values()):
            yield text, ""


def _of_python(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            yield from _pair(_MARKS.get(name, 0), [_text(each) for each in node.args])


def _of_template(source: str) -> Iterator[tuple[str, str]]:
    from jinja2 import Environment, nodes  # noqa: PLC0415

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


_SOURCES = {"pages": _of_pages, "exceptions": _of_exceptions}


if __name__ == "__main__":
    compile_all(Path(sys.argv[1])) if len(sys.argv) > 1 else update()
