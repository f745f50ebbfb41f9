"""The message itself: plain text, grouped by code, short however much there is to tell."""

from collections.abc import Iterator, Sequence

from ml_connector.codes import EXPLANATIONS
from ml_connector.connection import Connection
from ml_connector.doors.news import News, Row
from ml_connector.telemetry import redact_text

_EXAMPLES = 3
_MOST_GROUPS = _MOST_HALTS = 20


def compose(connection: Connection, rows: Sequence[Row]) -> tuple[str, str]:
    """Return the subject and the text of one message about all these rows (at least one)."""
    news = [each for row in rows for each in row.news]
    opened = [each for each in news if each.kind == "exception"]
    lines = [_opening(connection, rows[0])]
    halts = [each for each in news if each.kind != "exception"]
    lines += [line for each in halts[-_MOST_HALTS:] for line in _halt(each)]
    if opened:
        lines += ["", f"New exceptions: {len(opened)}"]
        lines += _groups(opened, details=connection.notify.details)
    lines += ["", f"All that is open:  connector exceptions {connection.id}"]
    return _subject(connection, news, len(opened)), redact_text("\n".join(map(_clean, lines)))


def _subject(connection: Connection, news: Sequence[News], opened: int) -> str:
    parts = []
    if any(each.kind == "halt" for each in news):
        parts.append("stopped")
    if any(each.kind == "lifted" for each in news):
        parts.append("goes on")
    if opened:
        parts.append(f"{opened} new exception{'s' if opened > 1 else ''}")
    return f"Connector {connection.id}: {', '.join(parts)}"


def _opening(connection: Connection, oldest: Row) -> str:
    name = f" ({connection.name})" if connection.name else ""
    return f"Connection {connection.id}{name}, news since {oldest.at[:16].replace('T', ' ')} UTC."


def _halt(news: News) -> Iterator[str]:
    where = f"Division {news.division}" if news.division else "The whole connection"
    if news.kind == "halt":
        yield ""
        yield f"{where} is STOPPED: {news.code}"
        yield from _explained(news)
        yield "  Its orders wait meanwhile, and go on by themselves."
    else:
        yield ""
        yield f"{where} goes on again: {news.code} is over."


def _groups(opened: Sequence[News], *, details: bool) -> Iterator[str]:
    by_code: dict[str, list[News]] = {}
    for each in opened:
        by_code.setdefault(each.code, []).append(each)
    largest_first = sorted(by_code.values(), key=len, reverse=True)
    for group in largest_first[:_MOST_GROUPS]:
        yield ""
        yield f"{len(group)} x {group[0].code}"
        yield from _explained(group[0])
        if details:
            yield from (f"  - {_title(each)}" for each in group[:_EXAMPLES])
            if len(group) > _EXAMPLES:
                yield f"  - and {len(group) - _EXAMPLES} more"
    if rest := largest_first[_MOST_GROUPS:]:
        yield ""
        yield f"{sum(map(len, rest))} x {len(rest)} other codes"


def _explained(news: News) -> Iterator[str]:
    """What a code means in general: an exception's own words may hold a customer's data."""
    if known := EXPLANATIONS.get(news.code):
        yield f"  {known.cause}"
        yield f"  To do: {known.remedy}"
    elif news.remedy:
        yield f"  To do: {news.remedy}"


def _title(news: News) -> str:
    return ", ".join(part for part in (news.name, news.vendor, news.total) if part)


def _clean(line: str) -> str:
    return "".join(c for c in line if c.isprintable())
