"""Checks on every kind of row before it is stored."""

from collections.abc import Iterable, Mapping
from typing import Any

from local.exact_simulator.fields import FIELDS, wire_ms
from local.exact_simulator.refusals import BusinessError
from local.exact_simulator.schema import Entity
from local.exact_simulator.world import Division, Row, World

Problem = tuple[str, str]


def refuse(problems: Iterable[Problem]) -> None:
    """Raise all distinct problems in one error, if there are any."""
    if distinct := tuple(dict.fromkeys(problems)):
        raise BusinessError(*distinct)


def missing(entity: Entity, row: Mapping[str, Any], *, but: str = "") -> list[Problem]:
    """Return a problem for each mandatory field (except `but`) without a value."""
    return [
        ("mandatory", entity.labels.get(field.name, field.name))
        for field in FIELDS[entity.path].values()
        if field.mandatory and field.name != but and row.get(field.name) in (None, "", [])
    ]


def too_long(entity: Entity, values: Mapping[str, Any]) -> list[Problem]:
    """Return a problem for each value that does not fit its field, counted in UTF-16 units."""
    return [
        ("too_long", entity.labels.get(name, name))
        for name, width in entity.widths.items()
        if len(str(values.get(name) or "").encode("utf-16-le")) // 2 > width
    ]


def link(division: Division, entity: Entity, row: Row) -> list[Problem]:
    """Copy the fields that follow from references; return a problem for each broken one."""
    problems: list[Problem] = []
    for name, reference in entity.references.items():
        value = row.get(name)
        if value in (None, ""):
            row.update(dict.fromkeys(reference.copies))
            continue
        target = division.find(reference.endpoint, reference.by, value)
        if target is None:
            problems.append(("invalid_reference", reference.label))
            continue
        row[name] = target[reference.by]
        row.update({copy: target.get(source) for copy, source in reference.copies.items()})
    return problems


def out_of_date(world: World, row: Mapping[str, Any], label: str) -> list[Problem]:
    """Return a problem for a row whose start lies ahead or whose end has passed."""
    today = world.today_ms()
    if row.get("EndDate") and wire_ms(row["EndDate"]) < today:
        return [("inactive", label)]
    if row.get("StartDate") and wire_ms(row["StartDate"]) > today:
        return [("future", label)]
    return []


def unique(division: Division, entity: Entity, row: Mapping[str, Any]) -> list[Problem]:
    """Return a problem when another row has the same unique fields."""
    if not entity.unique:
        return []
    mine = [_plain(row.get(name)) for name in entity.unique]
    for key, other in division.table(entity.path).items():
        if key != row.get(entity.key) and [_plain(other.get(n)) for n in entity.unique] == mine:
            return [("exists", "")]
    return []


def in_use(division: Division, entity: Entity, row: Mapping[str, Any], label: str) -> list[Problem]:
    """Return a problem when rows of other endpoints refer to this one."""
    names = {str(row.get("ID")), str(row.get("Code", "")).strip()}
    for endpoint, field in entity.used_by:
        if any(str(r.get(field)).strip() in names for r in division.table(endpoint).values()):
            return [("in_use", label)]
    return []


def _plain(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value
