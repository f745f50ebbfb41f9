"""Work out how to change an order in Exact into the approved one, and what others changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from ml_connector.domain.exception_codes.changes import DIFFERENCE, DIFFERENCE_IN_LINE, NOTHING
from ml_connector.domain.exception_codes.difference_words import A_LINE
from ml_connector.domain.exception_codes.templates import fill
from ml_connector.domain.money import round_to_cents
from ml_connector.domain.orders.diff import (
    APPROVED_FIELDS,
    HEADER,
    LINE,
    LINES,
    Body,
    changed_fields,
    changed_header,
    pair_lines,
    plain,
)
from ml_connector.domain.orders.exact_order import ExactLine, ExactOrder

_LEAST = ("Item", "QuantityInPurchaseUnits", "UnitPrice")


@dataclass(frozen=True)
class Edits:
    """The smallest change: header fields, and lines changed, added and removed."""

    header: Mapping[str, Any]
    changed: Sequence[tuple[ExactLine, Mapping[str, Any]]]
    added: Sequence[Body]
    removed: Sequence[ExactLine]

    def __bool__(self) -> bool:
        """Return whether anything is to be changed at all."""
        return bool(self.header or self.changes_lines)

    @property
    def changes_lines(self) -> bool:
        """Return whether any line is to be changed, added or removed."""
        return bool(self.changed or self.added or self.removed)


@dataclass(frozen=True)
class Difference:
    """One field that is not as expected; `where` is empty for the header."""

    where: str
    field: str
    expected: str
    found: str

    def as_dict(self) -> dict[str, str]:
        """Return it as evidence for an exception."""
        return asdict(self)

    def __str__(self) -> str:
        """Return one clause."""
        template = DIFFERENCE_IN_LINE if self.where else DIFFERENCE
        empty_named = {name: value or NOTHING for name, value in self.as_dict().items()}
        return fill(template, empty_named)


def edits(
    target: Body, last_written: Body, order: ExactOrder, *, is_under_way: bool = False
) -> Edits:
    """Return the edits that change the order in Exact into `target`.

    A field of `last_written` that `target` lacks is emptied. A field that neither has is filled by
    Exact and stays. So do texts and dates that are the same in both, unless a change
    `is_under_way`: then it is unknown who wrote them.
    """
    last_texts: Body = {} if is_under_way else last_written
    header = _wanted(target, last_written, last_texts)
    changed, added, removed = [], [], []
    for line, found in _wanted_lines(target, last_written, order, keep_texts=not is_under_way):
        if found is None:
            added.append(line or {})
        elif line is None:
            removed.append(found)
        elif fields := changed_fields(line, found):
            changed.append((found, fields))
    return Edits(changed_header(header, order), changed, added, removed)


def full_lines(target: Body, last_written: Body, order: ExactOrder) -> list[dict[str, Any]]:
    """Return all lines of `target` for one nested write, with the keys of existing lines."""
    return [
        {**({"ID": found.id} if found else {}), **line}
        for line, found in _wanted_lines(target, last_written, order, keep_texts=False)
        if line is not None
    ]


def differences(change: Edits, order: ExactOrder) -> list[Difference]:
    """Return field by field what `change` would alter."""
    return [
        *(_difference("", n, v, getattr(order, HEADER[n])) for n, v in change.header.items()),
        *(
            _difference(f"line {line.number}", n, v, getattr(line, LINE[n]))
            for line, fields in change.changed
            for n, v in fields.items()
        ),
        *(Difference("a line", A_LINE, _shown(line), "") for line in change.added),
        *(
            Difference(f"line {line.number}", A_LINE, "", _found_shown(line))
            for line in change.removed
        ),
    ]


def drift(
    last_written: Body, last_written_amount: Decimal | None, order: ExactOrder
) -> list[Difference]:
    """Return what others changed in Exact, of what was approved, since `last_written`.

    `last_written_amount` is Exact's total of it: a discount changes nothing else.
    """
    found = differences(edits(last_written, last_written, order), order)
    if last_written_amount is not None and order.amount is not None:
        before = round_to_cents(last_written_amount, order.currency)
        if before != (now := round_to_cents(order.amount, order.currency)):
            found.append(_difference("", "AmountFC", before, now))
    return found


def not_applied(change: Edits, target: Body, order: ExactOrder) -> list[Difference]:
    """Return how `order` still differs from `target` after a change was written.

    Texts count only if they were sent, and a field that was emptied may have been filled by Exact.
    """
    missing = edits(target, target, order)
    header = changed_header(_sent_texts(change.header), order) | dict(missing.header)
    lines = {line.id: (line, dict(fields)) for line, fields in missing.changed}
    now = {line.id: line for line in order.lines}
    for line, fields in change.changed:
        if line.id in now and (texts := changed_fields(_sent_texts(fields), now[line.id])):
            _, approved_fields = lines.get(line.id, (line, {}))
            lines[line.id] = now[line.id], texts | approved_fields
    remaining = Edits(header, list(lines.values()), missing.added, missing.removed)
    return differences(remaining, order)


def as_body(order: ExactOrder, like: Body) -> dict[str, Any]:
    """Return the order in Exact as a body with the fields of `like`."""
    header = {name: plain(getattr(order, HEADER[name])) for name in like if name in HEADER}
    lines = [
        {name: plain(getattr(pair.found, LINE[name])) for name in pair.expected or _LEAST}
        for pair in pair_lines(like[LINES], order.lines)
        if pair.found
    ]
    return {**like, **header, LINES: lines}


def is_same(body: Body, last_written: Body) -> bool:
    """Return whether two bodies describe the same order; remarks may differ."""
    return {**body, "Remarks": ""} == {**last_written, "Remarks": ""}


def _wanted_lines(
    target: Body, last_written: Body, order: ExactOrder, *, keep_texts: bool
) -> Iterator[tuple[dict[str, Any] | None, ExactLine | None]]:
    """Yield each line as it should be, with its line in Exact."""
    sent = {p.found.id: p.expected for p in pair_lines(last_written[LINES], order.lines) if p.found}
    for pair in pair_lines(target[LINES], order.lines):
        if pair.expected is None:
            yield None, pair.found
        else:
            before = (sent.get(pair.found.id) if pair.found else None) or {}
            yield _wanted(pair.expected, before, before if keep_texts else {}), pair.found


def _wanted(target: Body, last_written: Body, last_texts: Body) -> dict[str, Any]:
    """Return the fields to compare: those to be emptied too, but no texts that are unchanged."""
    fields = dict.fromkeys(last_written) | dict(target)
    return {
        name: value
        for name, value in fields.items()
        if name in APPROVED_FIELDS or name not in last_texts or last_texts[name] != value
    }


def _sent_texts(fields: Body) -> dict[str, Any]:
    return {
        n: value for n, value in fields.items() if value is not None and n not in APPROVED_FIELDS
    }


def _difference(where: str, name: str, expected: Any, found: Any) -> Difference:
    return Difference(where, name, plain(expected), plain(found))


def _shown(line: Body) -> str:
    text = line.get("Description") or line.get("Notes") or line.get("Item")
    return f"{text}: {plain(line.get('QuantityInPurchaseUnits'))} x {plain(line.get('UnitPrice'))}"


def _found_shown(line: ExactLine) -> str:
    text = line.description or line.notes or line.item
    return f"{text}: {plain(line.quantity)} x {plain(line.unit_price)}"
