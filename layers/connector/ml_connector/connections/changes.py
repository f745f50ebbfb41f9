"""What a change of a connection's settings is: by dotted keys, and as a difference for people."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from ml_connector.connections.files import Location, checked, checked_by, written_place
from ml_connector.connections.subsidiaries import Settings
from ml_connector.domain.ids import code_of
from ml_connector.domain.words import command, counted
from ml_connector.settings.connection import MAPPING_KINDS, Connection, ExactDivision, ExactSite
from ml_connector.user_errors import UserError

_NOT_SET = ("id", "sites", "divisions", "division", "mappings")
_NAMED_BY_PEOPLE = ("tag_dimensions", "state_words", "outcome_words", "orders_query")
"""Tables whose keys are words of Airbase."""
_LONGEST = 60


class SettingChange(NamedTuple):
    """A setting that changes: its dotted key, and its value before and after, None without one.

    The mappings of a kind are one setting: what changes is how many entries there are.
    """

    key: str
    before: Any
    after: Any
    is_dropped: bool = False
    """Something that was there is not there any more."""

    @property
    def text(self) -> str:
        """Return it in words."""
        return f"{self.key}: {_shown(self.before)} -> {_shown(self.after)}"


def changed(connection: Connection, assignments: Sequence[str]) -> Connection:
    """Return the connection with `KEY=VALUE` applied; an empty value takes a setting out.

    A key is a setting as in a file (`notify.slack`), after the name of a site or division where it
    belongs to one: `nl.limits.calls_per_minute`, `nl.2101.default_vat_code`. Raises `UserError`.
    """
    for text in assignments:
        key, is_assignment, value = text.partition("=")
        if not is_assignment or not key.strip():
            raise UserError(f"{text!r}: write it as KEY=VALUE")
        connection = _with(connection, key.strip(), value.strip())
    return connection


def _with(connection: Connection, key: str, text: str) -> Connection:
    refusal: UserError | None = None
    for value in _meanings(text):
        settings = _by_site(connection)
        place, name = _place(settings, connection, key)
        place[name] = value
        try:
            return checked_by(settings, lambda location: f"{_key_of(location, connection)}:")
        except UserError as error:
            refusal = refusal or error
    raise refusal or UserError(f"{key} cannot be set")


def _key_of(location: Location, connection: Connection) -> str:
    """Return the key of a setting as people type it: `nl.2101.currency`."""
    match location:
        case ("sites", int(site), "divisions", int(division), *rest):
            before = f"{connection.sites[site].divisions[division].division}"
        case ("sites", int(site), *rest):
            before = connection.sites[site].site
        case _:
            return written_place(location)
    return f"{before}.{written_place(rest)}".removesuffix(".")


def _meanings(text: str) -> Iterator[Any]:
    """Yield what the text may mean: itself, or a value as a TOML file has it."""
    yield text or None
    if not text:
        yield ""  # of a setting that is a text, whether anything is in it or not
        return
    try:
        yield tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return


def _place(settings: Settings, connection: Connection, key: str) -> tuple[Settings, str]:
    """Return the table that a key is in, and its name there."""
    place, rest = _root(settings, connection, key)
    *tables, name = rest.split(".")
    if set(tables[:1] or [name]) & set(_NOT_SET):
        mappings = command("map", "import", connection.id, "FILE")
        raise UserError(
            f"{key} is not set here: {mappings} changes mappings, "
            f"{command('connect', connection.id)} sites and divisions"
        )
    for each in tables:
        place = place.get(each)  # type: ignore[assignment]
        if not isinstance(place, dict):
            raise UserError(_no_group(key, each, connection))
    known = {*place, *(Connection.model_fields if place is settings else ())}
    if name not in known and (not tables or tables[-1] not in _NAMED_BY_PEOPLE):
        raise UserError(_no_setting(key, name, sorted(known - {*_NOT_SET})))
    return place, name


def _no_group(key: str, name: str, connection: Connection) -> str:
    divisions = ", ".join(str(each.division) for each in connection.divisions)
    return f"{key}: {name} is no group of settings; the divisions are {divisions}"


def _no_setting(key: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=3)
    which = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    return f"{key} is not a setting; {which}"


def _root(settings: Settings, connection: Connection, key: str) -> tuple[Settings, str]:
    codes = [str(code_of(each.division)) for each in connection.divisions]
    if codes.count(code := key.partition(".")[0]) > 1:
        raise UserError(f"{code} is a division of several sites: write its site before it")
    for site, found in zip(connection.sites, settings["sites"], strict=True):
        for division, entry in zip(site.divisions, found["divisions"], strict=True):
            for name in (f"{division.division}.", f"{code_of(division.division)}."):
                if key.startswith(name):
                    return entry, key.removeprefix(name)
        if key.startswith(f"{site.site}."):
            return found, key.removeprefix(f"{site.site}.")
    first = key.partition(".")[0]
    if first in ExactDivision.model_fields.keys() - Connection.model_fields.keys() - {*_NOT_SET}:
        divisions = " or ".join(str(each.division) for each in connection.divisions)
        raise UserError(f"{key} belongs to a division: write {divisions} and a dot before it")
    is_of_site = first in ExactSite.model_fields and first not in _NOT_SET
    if is_of_site and len(connection.sites) > 1:
        sites = " or ".join(site.site for site in connection.sites)
        raise UserError(f"{key} belongs to a site: write {sites} and a dot before it")
    return (settings["sites"][0] if is_of_site else settings), key


def _by_site(connection: Connection) -> Settings:
    dumped = connection.model_dump(mode="json")
    sites = [site.model_dump(mode="json") for site in connection.sites]
    rest = {name: value for name, value in dumped.items() if name not in ExactSite.model_fields}
    return {**rest, "id": connection.id, "sites": sites}


def from_before(before: Connection | None, after: Connection) -> list[SettingChange]:
    """Return what changes of a connection, nothing if it is new; see `differences`."""
    return differences(before, after) if before else []


def differences(before: Connection, after: Connection) -> list[SettingChange]:
    """Return what changes, in the order of the settings; both with all their mappings."""
    old, new = _flat(before), _flat(after)
    return [
        _difference(key, old.get(key), new.get(key))
        for key in dict.fromkeys([*old, *new])
        if (old.get(key) or None) != (new.get(key) or None)  # what is empty is not there either
    ]


def _difference(key: str, before: Any, after: Any) -> SettingChange:
    if isinstance(before, dict) or isinstance(after, dict):
        is_dropped = bool((before or {}).keys() - (after or {}).keys())
        return SettingChange(key, before or {}, after or {}, is_dropped)
    is_dropped = before is not None and after is None and not key.startswith("profile.")
    return SettingChange(key, before, after, is_dropped)  # another scheme has other settings


def own_settings(connection: Connection) -> dict[str, str]:
    """Return in words what is not as usual, by the keys that `changed` takes; no mappings."""
    settings = _by_site(connection)
    bare = _only(settings, "id", "airbase_base_url") | {
        "sites": [
            _only(site, "id", "exact_site", "exact_base_url")
            | {"divisions": [_only(each, "division", "subsidiaries") for each in site["divisions"]]}
            for site in settings["sites"]
        ]
    }
    usual = _flat(checked(bare, connection.id))
    return {
        key: _typed(value)
        for key, value in _flat(connection).items()
        if usual.get(key) != value and ".mappings." not in key
    }


def _only(settings: Settings, *names: str) -> Settings:
    return {name: settings[name] for name in names}


def _flat(connection: Connection) -> dict[str, Any]:
    settings = _by_site(connection)
    sites = settings.pop("sites")
    found = dict(_leaves("", settings))
    for site, values in zip(connection.sites, sites, strict=True):
        divisions = values.pop("divisions")
        found |= _leaves(f"{site.site}.", values)
        for division, entry in zip(site.divisions, divisions, strict=True):
            found |= _leaves(f"{division.division}.", entry)
    return found


def _leaves(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict) and name not in {*MAPPING_KINDS, "tag_dimensions"}:
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _typed(value: Any) -> str:
    """Return a value as a person types it; nothing takes a setting out."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, dict):
        return counted(len(value), "entry", "entries")
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
