"""What a message says: grouped by cause, most money first, set-up problems below; always short."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

from ml_connector.domain.exception_codes import CATALOGUE, CatalogueEntry
from ml_connector.domain.exception_codes.templates import fields_of, in_general
from ml_connector.domain.ids import ConnectionId, Division, is_division
from ml_connector.domain.words import command
from ml_connector.infrastructure.notification_outbox import Notification, OutboxItem
from ml_connector.languages.exception_texts import in_words
from ml_connector.languages.figures import amount, moment_in
from ml_connector.languages.texts import Texts
from ml_connector.notifications.message import Block, Case, WrittenMessage, clean, written
from ml_connector.settings.connection import Connection

_EXAMPLES = 3
_MAX_GROUPS = _MAX_HALTS = 20
_LONGEST_NAMES = 60
_ORDERS = "order#"
_Sums = dict[str, Decimal]
_LINE = re.compile(r"(.*), line (\d+)")


def compose(
    connection: Connection, items: Sequence[OutboxItem], console: str = ""
) -> WrittenMessage:
    """Return one message about all these items (at least one).

    `console`: where people see the console; empty: links are the commands to type.
    """
    texts = texts_of(connection)
    writer = _Writer(texts, connection, console)
    found = [each for item in items for each in item.notifications]
    opened = [each for each in found if each.kind == "exception"]
    halts = [each for each in found if each.kind in {"halt", "lifted"}]
    oldest = min(items, key=lambda each: each.at)
    blocks = [writer.opening(oldest), *map(writer.halt, halts[-_MAX_HALTS:])]
    if opened:
        number = texts.locale.number(len(opened))
        blocks.append(Block(texts.say("New exceptions: %(number)s", number=number)))
        blocks += writer.groups(opened)
    blocks += writer.assignments([each for each in found if each.kind == "assigned"])
    blocks.append(writer.everything(texts.say("All open exceptions")))
    return written(texts, _subject(texts, connection, found, opened), blocks)


def texts_of(connection: Connection) -> Texts:
    """Return the texts of a connection's messages, in its language and zone."""
    return Texts(connection.notify.language, connection.notify.time_zone)


def compose_halts(
    connection: Connection, item: OutboxItem, console: str = ""
) -> Iterator[WrittenMessage]:
    """Yield a message for each halt in the item, for the alarm topic.

    The subject names connection, division and code: one halt is not taken for another.
    """
    texts = texts_of(connection)
    writer = _Writer(texts, connection, console)
    for halt in item.notifications:
        if halt.kind == "halt":
            where = _halted(texts, halt.division)
            blocks = [writer.opening(item), writer.halt(halt)]
            blocks.append(writer.everything(texts.say("What is stopped")))
            stopped = texts.say("%(where)s stopped, %(code)s", where=where, code=halt.code)
            yield written(texts, subject_of(texts, connection.id, stopped), blocks)


def subject_of(texts: Texts, id: ConnectionId, what: str) -> str:
    """Return the subject of a message that says this of a connection."""
    return texts.say("Connector %(connection)s: %(what)s", connection=id, what=what)


def _subject(
    texts: Texts,
    connection: Connection,
    found: Sequence[Notification],
    opened: Sequence[Notification],
) -> str:
    parts = []
    if any(each.kind == "halt" for each in found):
        parts.append(texts.say("stopped"))
    if any(each.kind == "lifted" for each in found):
        parts.append(texts.say("resumed"))
    if opened:
        count = texts.count("%(number)s new exception", "%(number)s new exceptions", len(opened))
        parts.append(count)
    if names := dict.fromkeys(each.assignee for each in found if each.kind == "assigned"):
        shown = clean(", ".join(names))[:_LONGEST_NAMES]
        parts.append(texts.say("assigned to %(names)s", names=shown))
    return subject_of(texts, connection.id, ", ".join(parts))


class _Writer:
    """Writes the blocks of a connection's messages."""

    def __init__(self, texts: Texts, connection: Connection, console: str) -> None:
        self._texts, self._connection, self._console = texts, connection, console
        self._has_details = connection.notify.details

    def opening(self, oldest: OutboxItem) -> Block:
        connection = self._connection
        name = f" ({connection.name})" if connection.name else ""
        since = moment_in(self._texts, oldest.at)
        heading = self._texts.say(
            "Connection %(connection)s, new since %(moment)s.",
            connection=f"{connection.id}{name}",
            moment=since,
        )
        return Block(heading)

    def everything(self, label: str) -> Block:
        id = self._connection.id
        command_ = command("exceptions", id).strip("`")
        return Block("", to=(label, f"{self._console}/" if self._console else command_))

    def halt(self, found: Notification) -> Block:
        say, name = self._texts.say, _halted(self._texts, found.division)
        named = {"where": f"{name[0].upper()}{name[1:]}", "code": found.code}
        if found.kind == "lifted":
            return Block(say("%(where)s has resumed: %(code)s is solved.", **named))
        lines = (*self._explained([found]), say("Its orders wait and resume automatically."))
        return Block(say("%(where)s is STOPPED: %(code)s", **named), lines)

    def assignments(self, found: Sequence[Notification]) -> Iterator[Block]:
        """Yield who is to take care of what."""
        for name in dict.fromkeys(each.assignee for each in found):
            theirs = [each for each in found if each.assignee == name]
            number = self._texts.locale.number(len(theirs))
            heading = self._texts.say("Assigned to %(name)s: %(number)s", name=name, number=number)
            shown = theirs[:_MAX_GROUPS] if self._has_details else []
            cases = (Case(f"{self._title(each)}: {each.code}", self._case(each)) for each in shown)
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
            count, number = self._texts.count, self._texts.locale.number
            others = count("%(number)s other cause", "%(number)s other causes", len(rest))
            yield Block(f"{number(sum(map(len, rest)))} x {others}")

    def _group(self, group: Sequence[Notification]) -> Block:
        heading = f"{self._texts.locale.number(len(group))} x {group[0].code}"
        if not self._has_details:
            return Block(heading, tuple(self._explained(group)), to=self._to_group(group))
        sums = sorted(_sums(group).items())
        held = ", ".join(self._amount(f"{name} {total:f}") for name, total in sums)
        shown = [Case(self._title(each), self._case(each)) for each in group[:_EXAMPLES]]
        return Block(
            self._texts.say("%(what)s: %(sum)s held up", what=heading, sum=held)
            if held
            else heading,
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
        return self._texts.say("Decide"), f"{self._console}/group?{query}"

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
            yield in_words(self._texts, group[0].code, own)
        elif known and not fields_of(known.cause):
            yield self._texts.say(known.cause)
        if remedy := self._remedy(group, known):
            yield self._texts.say("To do: %(remedy)s", remedy=remedy)

    def _remedy(self, group: Sequence[Notification], known: CatalogueEntry | None) -> str:
        own, *others = {each.remedy for each in group}
        if known is None or (own and not others and self._has_details):
            return in_words(self._texts, group[0].code, own)
        return in_general(self._texts.say(known.remedy), connection=self._connection.id)

    def _title(self, found: Notification) -> str:
        where = _scope(self._texts, found.division) if found.kind != "halt" else ""
        name = _record(self._texts, found.name)
        parts = (name, found.vendor, self._amount(found.total), where)
        return ", ".join(part for part in parts if part)

    def _amount(self, text: str) -> str:
        return amount(text, self._texts.locale)


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


def _halted(texts: Texts, where: str) -> str:
    return _scope(texts, where) or texts.say("the whole connection")


def _scope(texts: Texts, where: str) -> str:
    """Return what people call a division or a site; empty for the whole connection."""
    if not where:
        return ""
    if is_division(Division(where)):
        return texts.say("division %(code)s", code=where)
    return texts.say("site %(name)s", name=where)


def _record(texts: Texts, name: str) -> str:
    """Return the name of a record, or of a line of it."""
    if found := _LINE.fullmatch(name):
        return texts.say("%(record)s, line %(number)s", record=found[1], number=found[2])
    return name
