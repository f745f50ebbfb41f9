"""Read a connection file (TOML or JSON) and report where each error is."""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError, safe_lines

_MAX_BYTES = 1_000_000
Location = Sequence[int | str]
"""Where a setting is: names of tables, places in lists."""

_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is not a setting here",
    "bool_parsing": "has to be true or false",
    "bool_type": "has to be true or false",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "int_type": "has to be a whole number",
    "string_type": "has to be a text",
    "greater_than": "has to be more than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "less_than_equal": "has to be at most {le}",
    "literal_error": "has to be {expected}",
    "enum": "has to be {expected}",
    "union_tag_invalid": "has to have as {discriminator} one of {expected_tags}",
    "union_tag_not_found": "lacks {discriminator}",
    "tuple_type": 'has to be a list, as in ["one", "another"]',
    "list_type": 'has to be a list, as in ["one", "another"]',
    "dict_type": "is a table: it has settings of its own",
    "model_type": "is a table: it has settings of its own",
    "model_attributes_type": "is a table: it has settings of its own",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
_IS_A_DAY = "has to be a day, as in 2026-11-20"
_PATTERNS = {
    "^[A-Z]{3}$": "has to be a currency in three capital letters, as in EUR",
    "^([A-Z]{2})?$": "has to be a country in two capital letters, as in NL",
}


def read_connection(path: Path) -> Connection:
    """Return the connection in a file; raises `UserError` with one line for each error."""
    return checked(read_settings(path), path.name)


def checked(settings: Mapping[str, Any], source: str) -> Connection:
    """Return the settings as a connection; raises `UserError` with the `source` of each error."""

    def named(location: Location) -> str:
        place = written_place(_as_written(location, settings))
        return f"{source}: {place}:" if place else f"{source}:"

    return checked_by(settings, named)


def checked_by(settings: Mapping[str, Any], named: Callable[[Location], str]) -> Connection:
    """Return the settings as a connection.

    Raises `UserError` with what each wrong setting has to be, after the name that it is given.
    """
    try:
        connection = Connection.model_validate(settings)
    except ValidationError as error:
        # Never show the values: somebody may have put a secret into the file.
        found = _without_consequences(error.errors(include_input=False, include_url=False))
        lines = (f"{named(one['loc'])} {_meaning(one)}" for one in found)
        raise UserError(*safe_lines(*lines)) from None
    mappings = [each.mappings for each in connection.divisions]
    if any(each.supplier_rows or each.other_rows for each in mappings):
        raise UserError(f"{named(())} supplier_rows and other_rows are not settings of a file")
    return connection


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in a file, unchecked; raises `UserError` when it cannot be read."""
    text = _text(path)
    try:
        if path.suffix.lower() == ".toml":
            return tomllib.loads(text)
        data = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise UserError(*safe_lines(f"{path.name}: {error}")) from None
    if not isinstance(data, dict):
        raise UserError(f"{path.name}: is not an object of settings")
    return data


def _text(path: Path) -> str:
    if path.suffix.lower() not in {".toml", ".json"}:
        raise UserError(f"{path.name}: name it .toml or .json")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UserError(f"{path.name}: is too large for a connection file")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path.name}: is not UTF-8 text") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"named twice: {', '.join(sorted(doubled))}")
    return dict(pairs)


def _without_consequences(errors: Sequence[Any]) -> list[Any]:
    """Leave out what is only wrong because something else is.

    A list is too short because its entries are wrong, a site's name because the connection's is.
    """
    places = [tuple(one["loc"]) for one in errors]
    if ("id",) in places:
        errors = [one for one in errors if (*one["loc"][:1], *one["loc"][2:]) != ("sites", "id")]
    return [
        one
        for one in errors
        if one["type"] != "too_short"
        or not any(place[: len(one["loc"])] == one["loc"] != place for place in places)
    ]


def _as_written(location: Location, settings: Mapping[str, Any]) -> Location:
    """Return where a setting stands in a file: with one site beside the others."""
    is_in_site = location[:1] == ("sites",) and "sites" not in settings
    return location[2:] if is_in_site else location


def written_place(location: Location) -> str:
    """Return a place as in `divisions[0].currency`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def _meaning(error: Any) -> str:
    """Return what a setting has to be: a library's words name its own types."""
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind.startswith("date"):
        return _IS_A_DAY
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    known = _MESSAGES.get(kind, str(error["msg"]).removeprefix("Value error, "))
    return known.format(**context) if kind in _MESSAGES else known
