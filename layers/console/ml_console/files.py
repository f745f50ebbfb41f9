"""The style sheet and the script, named by a digest of them: browsers keep them for good."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from ml_console.web import Answer

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_GOOD = "public, max-age=31536000, immutable"


def _read() -> Mapping[str, tuple[str, Answer]]:
    found: dict[str, tuple[str, Answer]] = {}
    for path in sorted(_FOLDER.iterdir()):
        if kind := _TYPES.get(path.suffix):
            text = path.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()[:12]
            address = f"/static/{path.stem}.{digest}{path.suffix}"
            headers = {"content-type": kind, "cache-control": _FOR_GOOD}
            found[path.name] = address, Answer(200, text, headers)
    return found


_FILES = _read()
FILES: Mapping[str, Answer] = dict(_FILES.values())
"""Each file by its address."""


def address_of(name: str) -> str:
    """Return the address of a file; raises `KeyError` for one that there is not."""
    return _FILES[name][0]
