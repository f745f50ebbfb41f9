"""The text of a message: plain, grouped by code, and always short."""

from collections.abc import Iterator, Sequence

from ml_connector.domain.exception_codes import CATALOGUE, CatalogueEntry
from ml_connector.domain.exception_codes.templates import fields_of, in_general
from ml_connector.domain.ids import named_scope
from ml_connector.domain.words import counted, moment
from ml_connector.infrastructure.notification_outbox import Notification, OutboxItem
from ml_connector.settings.connection import Connection
from ml_connector.telemetry import redact_text

_EXAMPLES = 3
_MAX_GROUPS = _MAX_HALTS = 20
_LONGEST_NAMES = 60


def compose(connection: Connection, items: Sequence[OutboxItem]) -> tuple[str, str]:
    """Return subject and text of one message about all these items (at least one)."""
    found = [each for item in items for each in item.notifications]
    opened = [each for each in found if each.kind == "exception"]
    lines = [_opening(connection, items[0])]
    assigned = [each for each in found if each.kind == "assigned"]
    halts = [each for each in found if each.kind in {"halt", "lifted"}]
    lines += [line for each in halts[-_MAX_HALTS:] for line in _halt(each, connection)]
    if opened:
        lines += ["", f"New exceptions: {len(opened)}"]
        lines += _groups(opened, connection)
    lines += _assignments(assigned, connection)
    lines += ["", f"All open exceptions:  connector exceptions {connection.id}"]
    return _subject(connection, found, len(opened)), redact_text("\n".join(map(_clean, lines)))


def compose_halts(connection: Connection, item: OutboxItem) -> Iterator[tuple[str, str]]:
    """Yield subject and text of a message for each halt in the item, for the alarm topic.

    The subject names connection, division and code: one halt is not taken for another.
    """
    for halt in item.notifications:
        if halt.kind == "halt":
            where = named_scope(halt.division) or "the whole connection"
            lines = [_opening(connection, item), *_halt(halt, connection)]
            lines += ["", f"What is stopped:  connector exceptions {connection.id}"]
            subject = f"Connector {connection.id}: {where} stopped, {halt.code}"
            yield subject, redact_text("\n".join(map(_clean, lines)))


def _subject(connection: Connection, found: Sequence[Notification], opened: int) -> str:
    parts = []
    if any(each.kind == "halt" for each in found):
        parts.append("stopped")
    if any(each.kind == "lifted" for each in found):
        parts.append("resumed")
    if opened:
        parts.append(f"{opened} new exception{'s' if opened > 1 else ''}")
    if names := dict.fromkeys(each.assignee for each in found if each.kind == "assigned"):
        parts.append(f"assigned to {_clean(', '.join(names))[:_LONGEST_NAMES]}")
    return f"Connector {connection.id}: {', '.join(parts)}"


def _opening(connection: Connection, oldest: OutboxItem) -> str:
    name = f" ({connection.name})" if connection.name else ""
    return f"Connection {connection.id}{name}, new since {moment(oldest.at)}."


def _halt(found: Notification, connection: Connection) -> Iterator[str]:
    name = named_scope(found.division) or "the whole connection"
    where = f"{name[0].upper()}{name[1:]}"
    if found.kind == "halt":
        yield ""
        yield f"{where} is STOPPED: {found.code}"
        yield from _explained([found], connection)
        yield "  Its orders wait and resume automatically."
    else:
        yield ""
        yield f"{where} has resumed: {found.code} is solved."


def _assignments(found: Sequence[Notification], connection: Connection) -> Iterator[str]:
    """Yield who is to take care of what."""
    names = dict.fromkeys(each.assignee for each in found)
    for name in names:
        theirs = [each for each in found if each.assignee == name]
        yield ""
        yield f"Assigned to {name}: {len(theirs)}"
        if connection.notify.details:
            shown = theirs[:_MAX_GROUPS]
            yield from (f"  - {_title(each)}: {each.code}" for each in shown)
            if len(theirs) > len(shown):
                yield f"  - and {len(theirs) - len(shown)} more"


def _groups(opened: Sequence[Notification], connection: Connection) -> Iterator[str]:
    by_code: dict[str, list[Notification]] = {}
    for each in opened:
        by_code.setdefault(each.code, []).append(each)
    largest_first = sorted(by_code.values(), key=len, reverse=True)
    for group in largest_first[:_MAX_GROUPS]:
        yield ""
        yield f"{len(group)} x {group[0].code}"
        yield from _explained(group, connection)
        if connection.notify.details:
            yield from (f"  - {_title(each)}" for each in group[:_EXAMPLES])
            if len(group) > _EXAMPLES:
                yield f"  - and {len(group) - _EXAMPLES} more"
    if rest := largest_first[_MAX_GROUPS:]:
        yield ""
        yield f"{sum(map(len, rest))} x {counted(len(rest), 'other code')}"


def _explained(group: Sequence[Notification], connection: Connection) -> Iterator[str]:
    """Explain a code in general: an exception's own text may contain a customer's data.

    The remedy is the exception's own, with its values, if it is the same for all of them and the
    connection's settings allow details in messages.
    """
    known = CATALOGUE.get(group[0].code)
    if known and not fields_of(known.cause):
        yield f"  {known.cause}"
    if remedy := _remedy(group, connection, known):
        yield f"  To do: {remedy}"


def _remedy(
    group: Sequence[Notification], connection: Connection, known: CatalogueEntry | None
) -> str:
    own, *others = {each.remedy for each in group}
    if known is None or (own and not others and connection.notify.details):
        return own
    return in_general(known.remedy, connection=connection.id)


def _title(found: Notification) -> str:
    return ", ".join(part for part in (found.name, found.vendor, found.total) if part)


def _clean(line: str) -> str:
    return "".join(c for c in line if c.isprintable())
