"""What a message says: grouped by cause, most money first, set-up problems below; always short."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from ml_connector.domain.exception_codes import CATALOGUE, CatalogueEntry
from ml_connector.domain.exception_codes.templates import fields_of, in_general
from ml_connector.domain.ids import named_scope
from ml_connector.domain.words import command, counted, moment_in
from ml_connector.infrastructure.notification_outbox import Notification, OutboxItem
from ml_connector.notifications.message import Block, Case, Message, clean, written
from ml_connector.settings.connection import Connection

_EXAMPLES = 3
_MAX_GROUPS = _MAX_HALTS = 20
_LONGEST_NAMES = 60
_ORDERS = "order#"
_Sums = dict[str, Decimal]


def compose(connection: Connection, items: Sequence[OutboxItem], console: str = "") -> Message:
    """Return one message about all these items (at least one).

    `console`: where people see the console; empty: links are the commands to type.
    """
    writer = _Writer(connection, console)
    found = [each for item in items for each in item.notifications]
    opened = [each for each in found if each.kind == "exception"]
    halts = [each for each in found if each.kind in {"halt", "lifted"}]
    oldest = min(items, key=lambda each: each.at)
    blocks = [writer.opening(oldest), *map(writer.halt, halts[-_MAX_HALTS:])]
    if opened:
        blocks.append(Block(f"New exceptions: {len(opened)}"))
        blocks += writer.groups(opened)
    blocks += writer.assignments([each for each in found if each.kind == "assigned"])
    blocks.append(writer.everything("All open exceptions"))
    return written(_subject(connection, found, opened), blocks)


def compose_halts(connection: Connection, item: OutboxItem, console: str = "") -> Iterator[Message]:
    """Yield a message for each halt in the item, for the alarm topic.

    The subject names connection, division and code: one halt is not taken for another.
    """
    writer = _Writer(connection, console)
    for halt in item.notifications:
        if halt.kind == "halt":
            where = named_scope(halt.division) or "the whole connection"
            blocks = [writer.opening(item), writer.halt(halt)]
            blocks.append(writer.everything("What is stopped"))
            subject = f"Connector {connection.id}: {where} stopped, {halt.code}"
            yield written(subject, blocks)


def _subject(
    connection: Connection, found: Sequence[Notification], opened: Sequence[Notification]
) -> str:
    parts = []
    if any(each.kind == "halt" for each in found):
        parts.append("stopped")
    if any(each.kind == "lifted" for each in found):
        parts.append("resumed")
    if opened:
        parts.append(f"{len(opened)} new exception{'s' if len(opened) > 1 else ''}")
    if names := dict.fromkeys(each.assignee for each in found if each.kind == "assigned"):
        parts.append(f"assigned to {clean(', '.join(names))[:_LONGEST_NAMES]}")
    return f"Connector {connection.id}: {', '.join(parts)}"


class _Writer:
    """Writes the blocks of a connection's messages."""

    def __init__(self, connection: Connection, console: str) -> None:
        self._connection, self._console = connection, console
        self._has_details = connection.notify.details

    def opening(self, oldest: OutboxItem) -> Block:
        connection = self._connection
        name = f" ({connection.name})" if connection.name else ""
        since = moment_in(oldest.at, connection.notify.time_zone)
        return Block(f"Connection {connection.id}{name}, new since {since}.")

    def everything(self, label: str) -> Block:
        id = self._connection.id
        command_ = command("exceptions", id).strip("`")
        return Block("", to=(label, f"{self._console}/" if self._console else command_))

    def halt(self, found: Notification) -> Block:
        name = named_scope(found.division) or "the whole connection"
        where = f"{name[0].upper()}{name[1:]}"
        if found.kind == "lifted":
            return Block(f"{where} has resumed: {found.code} is solved.")
        lines = (*self._explained([found]), "Its orders wait and resume automatically.")
        return Block(f"{where} is STOPPED: {found.code}", lines)

    def assignments(self, found: Sequence[Notification]) -> Iterator[Block]:
        """Yield who is to take care of what."""
        for name in dict.fromkeys(each.assignee for each in found):
            theirs = [each for each in found if each.assignee == name]
            heading = f"Assigned to {name}: {len(theirs)}"
            shown = theirs[:_MAX_GROUPS] if self._has_details else []
            cases = (Case(f"{_title(each)}: {each.code}", self._case(each)) for each in shown)
            yield Block(heading, (), tuple(cases), len(theirs) - len(shown) if shown else 0)

    def groups(self, opened: Sequence[Notification]) -> Iterator[Block]:
        """Yield each cause: what holds up most money first, and below what holds up no order."""
        by_cause: defaultdict[tuple[str, str], list[Notification]] = defaultdict(list)
        for each in opened:
            by_cause[each.code, each.group].append(each)
        first = sorted(by_cause.values(), key=lambda each: (-_most(_sums(each)), -len(each)))
        of_orders = [each for each in first if _is_of_orders(each)]
        groups = [*of_orders, *(each for each in first if not _is_of_orders(each))]
        yield from map(self._group, groups[:_MAX_GROUPS])
        if rest := groups[_MAX_GROUPS:]:
            yield Block(f"{sum(map(len, rest))} x {counted(len(rest), 'other cause')}")

    def _group(self, group: Sequence[Notification]) -> Block:
        heading = f"{len(group)} x {group[0].code}"
        if not self._has_details:
            return Block(heading, tuple(self._explained(group)), to=self._to_group(group))
        held = ", ".join(f"{name} {total:f}" for name, total in sorted(_sums(group).items()))
        shown = [Case(_title(each), self._case(each)) for each in group[:_EXAMPLES]]
        return Block(
            f"{heading}: {held} held up" if held else heading,
            tuple(self._explained(group)),
            tuple(shown),
            len(group) - len(shown),
            self._to_group(group),
        )

    def _to_group(self, group: Sequence[Notification]) -> tuple[str, str]:
        first = group[0]
        if not (self._console and first.group):
            return "", ""
        query = urlencode({"of": self._connection.id, "group": first.group})
        return "Decide", f"{self._console}/group?{query}"

    def _case(self, found: Notification) -> str:
        """Return where a record is found: its page, or the command that shows it."""
        if not found.key:  # an earlier version noted it
            return ""
        id = self._connection.id
        if self._console:
            return f"{self._console}/record?{urlencode({'of': id, 'key': found.key})}"
        name = found.key.removeprefix(_ORDERS)
        return command("exception", "show", id, name).strip("`")

    def _explained(self, group: Sequence[Notification]) -> Iterator[str]:
        """Explain a cause with its values, or in general where messages have no details.

        The remedy is the exception's own, with its values, if it is the same for all of them.
        """
        known = CATALOGUE.get(group[0].code)
        own, *others = {each.cause for each in group}
        if own and not others and self._has_details:
            yield own
        elif known and not fields_of(known.cause):
            yield known.cause
        if remedy := self._remedy(group, known):
            yield f"To do: {remedy}"

    def _remedy(self, group: Sequence[Notification], known: CatalogueEntry | None) -> str:
        own, *others = {each.remedy for each in group}
        if known is None or (own and not others and self._has_details):
            return own
        return in_general(known.remedy, connection=self._connection.id)


def _is_of_orders(group: Sequence[Notification]) -> bool:
    return any(each.total or each.key.startswith(_ORDERS) for each in group)


def _sums(group: Sequence[Notification]) -> _Sums:
    """Return what is held up by currency, each order once; never summed across currencies."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    totals = {(each.key or each.name): each.total for each in group}
    for currency, _, number in (each.partition(" ") for each in totals.values()):
        with suppress(InvalidOperation):
            sums[currency] += Decimal(number)
    return dict(sums)


def _most(sums: _Sums) -> Decimal:
    return max(sums.values(), default=Decimal())


def _title(found: Notification) -> str:
    where = named_scope(found.division) if found.kind != "halt" else ""
    parts = (found.name, found.vendor, found.total, where)
    return ", ".join(part for part in parts if part)
