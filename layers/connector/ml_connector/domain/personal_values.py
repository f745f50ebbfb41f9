"""Values of audit entries that may name a person: sealed so that each can be removed alone.

The chain covers the SHA-256 of such a value and a random salt, which is kept beside the entry. With
both gone, the hash stays, the chain is verified as before, and nobody can guess the value.
A place in an entry is a path: `actor`, or `detail/KEY/...`, as in a JSON pointer.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

KEYS = frozenset({
    "Email", "Name", "actor", "airbase", "assignee", "by", "cause",
    "comment", "decided_by", "description", "email", "exact", "name",
    "person", "reason", "record", "remedy", "requester", "subject", "supplier", "supplier_email",
    "supplier_name", "title", "to", "vendor", "vendor_email", "vendor_name", "why",
})  # fmt: skip
"""A text under one of these keys may name a person; the actor may unless it is a function."""
_OF_LINES = "/lines/"
"""Below it, names are those of accounts and tags."""

MARK = "personal:"
"""What a hashed value begins with."""
_CODE = re.compile(r"[\d.\-]*|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""Numbers, days and GUIDs name nobody."""
_COMMITMENT = re.compile(rf"{MARK}[0-9a-f]{{64}}")
_SALT_BYTES = 12  # each is stored: 96 bits are more than anybody can try


def new_salts(actor: str, detail: Mapping[str, Any]) -> dict[str, str]:
    """Return a salt for each value of an entry that may name a person, by its path."""
    found = texts_in(actor, detail)
    paths = (path for path, *each in found if _may_name_a_person(path, *each))
    return {path: secrets.token_urlsafe(_SALT_BYTES) for path in paths}


def _may_name_a_person(path: str, key: str, text: str) -> bool:
    if text.startswith(MARK):  # it would look like a value that was removed
        return True
    is_of_line = key == "name" and _OF_LINES in path
    return key in KEYS and not is_of_line and not _CODE.fullmatch(text)


def removed_paths(actor: str, detail: Mapping[str, Any], salts: Mapping[str, str]) -> Iterator[str]:
    """Yield the places of an entry from which a value was removed."""
    for path, _, text in texts_in(actor, detail):
        if path not in salts and _COMMITMENT.fullmatch(text):
            yield path


def texts_in(actor: str, detail: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield path, key and text of each text of an entry, but for a function as the actor."""
    if not actor.isidentifier():
        yield "actor", "actor", actor
    yield from _texts("detail", "", detail)


def sealed(content: Mapping[str, Any], salts: Mapping[str, str]) -> dict[str, Any]:
    """Return an entry's content as it is hashed: each value with a salt as its commitment.

    Raises `KeyError`, `IndexError`, `TypeError` or `ValueError` for a path that leads nowhere.
    """
    values = copied(content)
    for path, salt in salts.items():
        put(values, path, commitment(salt, get(values, path)))
    return values


def copied(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of JSON values down to the last list."""
    made: dict[str, Any] = json.loads(json.dumps(values))
    return made


def commitment(salt: str, value: str) -> str:
    """Return what is hashed in place of a value."""
    return MARK + sha256(f"{salt}\n{value}".encode()).hexdigest()


def get(values: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path; raises `KeyError` or `IndexError` when there is none."""
    found: Any = values
    for key in _keys(path):
        found = found[int(key) if isinstance(found, list) else key]
    return found


def put(values: dict[str, Any], path: str, value: str) -> None:
    """Set the value at a path, in place."""
    *above, last = _keys(path)
    holder: Any = get(values, "/".join(map(_escaped, above))) if above else values
    holder[int(last) if isinstance(holder, list) else last] = value


def _texts(path: str, key: str, value: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the texts in a value; those in a list stand under the key of the list."""
    if isinstance(value, str):
        yield path, key, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(f"{path}/{_escaped(str(name))}", str(name), each)
    elif isinstance(value, list | tuple):
        for position, each in enumerate(value):
            yield from _texts(f"{path}/{position}", key, each)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _keys(path: str) -> list[str]:
    return [each.replace("~1", "/").replace("~0", "~") for each in path.split("/")]
