"""How a purchase order in Exact becomes the one that is now approved, and what others changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from ml_connector.purchase_orders.comparison import (
    HEADER,
    LINE,
    LINES,
    WEIGHTY,
    Body,
    changed_fields,
    changed_header,
    pair_lines,
    plain,
)
from ml_connector.purchase_orders.exact_order import ExactLine, ExactOrder

_A_LINE = "line"
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
        """Return it as evidence for a person."""
        return asdict(self)

    def __str__(self) -> str:
        """Return it in one clause."""
        where = f"{self.where}, " if self.where else ""
        return (
            f"{where}{self.field}: {self.expected or 'nothing'}, in Exact {self.found or 'nothing'}"
        )


def edits(target: Body, held: Body, order: ExactOrder, *, is_under_way: bool = False) -> Edits:
    """Return how the order in Exact becomes `target`.

    What `held`, the body written last, had and `target` lacks is emptied. What neither names is
    Exact's own to fill, and stays; so do texts and dates that `target` leaves as `held` had them,
    unless a change `is_under_way` and nobody knows who wrote them.
    """
    held_texts: Body = {} if is_under_way else held
    header = _wanted(target, held, held_texts)
    changed, added, removed = [], [], []
    for line, found in _wanted_lines(target, held, order, keep_texts=not is_under_way):
        if found is None:
            added.append(line or {})
        elif line is None:
            removed.append(found)
        elif fields := changed_fields(line, found):
            changed.append((found, fields))
    return Edits(changed_header(header, order), changed, added, removed)


def whole_lines(target: Body, held: Body, order: ExactOrder) -> list[dict[str, Any]]:
    """Return all lines of `target`, as one nested write takes them, each with the key it keeps."""
    return [
        {**({"ID": found.id} if found else {}), **line}
        for line, found in _wanted_lines(target, held, order, keep_texts=False)
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
        *(Difference("a line", _A_LINE, _shown(line), "") for line in change.added),
        *(
            Difference(f"line {line.number}", _A_LINE, "", _found_shown(line))
            for line in change.removed
        ),
    ]


def drift(held: Body, held_amount: Decimal | None, order: ExactOrder) -> list[Difference]:
    """Return what others changed in Exact of what was approved, since `held` was written.

    `held_amount` is the total Exact had made of it: a discount changes nothing else.
    """
    found = differences(edits(held, held, order), order)
    amount = order.amount
    if held_amount is not None and amount is not None and held_amount != amount:
        found.append(_difference("", "AmountFC", held_amount, amount))
    return found


def not_taken(change: Edits, target: Body, order: ExactOrder) -> list[Difference]:
    """Return what `order` lacks of `target` after a change was written.

    Texts count as far as they were sent. What was emptied, Exact may have filled by itself.
    """
    left = edits(target, target, order)
    header = changed_header(_sent(change.header), order) | dict(left.header)
    lines = {line.id: (line, dict(fields)) for line, fields in left.changed}
    now = {line.id: line for line in order.lines}
    for line, fields in change.changed:
        if line.id in now and (texts := changed_fields(_sent(fields), now[line.id])):
            _, weighty = lines.get(line.id, (line, {}))
            lines[line.id] = now[line.id], texts | weighty
    return differences(Edits(header, list(lines.values()), left.added, left.removed), order)


def as_body(order: ExactOrder, like: Body) -> dict[str, Any]:
    """Return what the order in Exact would have been sent as, in the fields that `like` has."""
    header = {name: plain(getattr(order, HEADER[name])) for name in like if name in HEADER}
    lines = [
        {name: plain(getattr(pair.found, LINE[name])) for name in pair.expected or _LEAST}
        for pair in pair_lines(like[LINES], order.lines)
        if pair.found
    ]
    return {**like, **header, LINES: lines}


def is_same(body: Body, held: Body) -> bool:
    """Return whether two bodies ask for one and the same order; remarks may differ."""
    return {**body, "Remarks": ""} == {**held, "Remarks": ""}


def _wanted_lines(
    target: Body, held: Body, order: ExactOrder, *, keep_texts: bool
) -> Iterator[tuple[dict[str, Any] | None, ExactLine | None]]:
    """Yield each line as it shall be, beside the one that stands for it in Exact."""
    sent = {p.found.id: p.expected for p in pair_lines(held[LINES], order.lines) if p.found}
    for pair in pair_lines(target[LINES], order.lines):
        if pair.expected is None:
            yield None, pair.found
        else:
            before = (sent.get(pair.found.id) if pair.found else None) or {}
            yield _wanted(pair.expected, before, before if keep_texts else {}), pair.found


def _wanted(target: Body, held: Body, held_texts: Body) -> dict[str, Any]:
    """Return what is to be: with what has to be emptied, without texts that are as they were."""
    whole = dict.fromkeys(held) | dict(target)
    return {
        name: value
        for name, value in whole.items()
        if name in WEIGHTY or name not in held_texts or held_texts[name] != value
    }


def _sent(fields: Body) -> dict[str, Any]:
    """Return the texts that were sent."""
    return {n: value for n, value in fields.items() if value is not None and n not in WEIGHTY}


def _difference(where: str, name: str, expected: Any, found: Any) -> Difference:
    return Difference(where, name, plain(expected), plain(found))


def _shown(line: Body) -> str:
    text = line.get("Description") or line.get("Notes") or line.get("Item")
    return f"{text}: {plain(line.get('QuantityInPurchaseUnits'))} x {plain(line.get('UnitPrice'))}"


def _found_shown(line: ExactLine) -> str:
    text = line.description or line.notes or line.item
    return f"{text}: {plain(line.quantity)} x {plain(line.unit_price)}"
