"""Read the catalogues of texts (`.po`) and compile them to gettext's form (`.mo`).

The build compiles them; here they are read as they are written. A catalogue is a list of `msgid`
(and `msgid_plural`) with `msgstr` (or `msgstr[0]` and `msgstr[1]`); the entry with an empty
`msgid` is gettext's header. Run by the Makefile of each layer (`layers/console` has a link to it):

python po_files.py FOLDER compiles the catalogues of a folder, and drops their sources.
"""

import ast
import re
import struct
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_LINE = re.compile(r'(?:(msgid|msgid_plural|msgstr|msgstr\[[01]\])\s+)?(".*")')
_MAGIC = 0x950412DE


class PoEntry(NamedTuple):
    """A text, its plural if it counts something, and the translation of each."""

    text: str
    plural: str = ""
    translations: tuple[str, ...] = ("",)

    @property
    def is_translated(self) -> bool:
        """Return whether there is a translation, of the plural too."""
        return len(self.translations) == (2 if self.plural else 1) and all(self.translations)


def read(text: str) -> list[PoEntry]:
    """Return the entries of a `.po` file, with its header."""
    return [_entry(block) for block in re.split(r"\n\s*\n", text) if "msgid" in block]


def write(entries: Iterable[PoEntry]) -> str:
    """Return the text of a `.po` file, sorted: two people who add texts touch different places."""
    return "\n".join(_written(each) for each in sorted(entries, key=lambda each: each.text))


def compiled(entries: Iterable[PoEntry]) -> bytes:
    """Return the translated entries as a `.mo` file."""
    pairs = sorted(
        ("\0".join(filter(None, (each.text, each.plural))).encode(),
         "\0".join(each.translations).encode())
        for each in entries
        if each.is_translated
    )  # fmt: skip
    ids, texts = b"", b""
    offsets = []
    for id, text in pairs:
        offsets.append((len(id), len(ids), len(text), len(texts)))
        ids += id + b"\0"
        texts += text + b"\0"
    begin = 28 + 16 * len(pairs)
    header = struct.pack("<7I", _MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, begin)
    names = b"".join(struct.pack("<2I", a, begin + b) for a, b, _, _ in offsets)
    values = b"".join(struct.pack("<2I", c, begin + len(ids) + d) for _, _, c, d in offsets)
    return header + names + values + ids + texts


def compile_folder(folder: Path) -> None:
    """Compile every catalogue of a folder in its place."""
    for path in sorted(folder.glob("*.po")):
        path.with_suffix(".mo").write_bytes(compiled(read(path.read_text("utf-8"))))
        path.unlink()


def _entry(block: str) -> PoEntry:
    parts: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        if found := _LINE.fullmatch(line.strip()):
            name = found[1] or name
            parts[name] = parts.get(name, "") + str(ast.literal_eval(found[2]))
    translations = [parts[each] for each in ("msgstr", "msgstr[0]", "msgstr[1]") if each in parts]
    return PoEntry(parts["msgid"], parts.get("msgid_plural", ""), tuple(translations))


def _written(entry: PoEntry) -> str:
    lines = [("msgid", entry.text)]
    if entry.plural:
        lines.append(("msgid_plural", entry.plural))
        given: Mapping[int, str] = dict(enumerate(entry.translations))
        lines += [(f"msgstr[{number}]", given.get(number, "")) for number in (0, 1)]
    else:
        lines.append(("msgstr", entry.translations[0]))
    return "".join(f"{name} {_quoted(text)}\n" for name, text in lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    compile_folder(Path(sys.argv[1]))
