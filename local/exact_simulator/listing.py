"""Collections: filter, order, `$top`, `$skip` and pages with `__next`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from local.exact_simulator.answers import Shape, collection, next_link
from local.exact_simulator.context import CallContext
from local.exact_simulator.fields import FIELDS
from local.exact_simulator.odata_query import (
    read_filter,
    read_literals,
    sort_value,
    write_literal,
)
from local.exact_simulator.refusals import bad_request, bad_syntax
from local.exact_simulator.schema import Entity
from local.simulator import Response

Row = Mapping[str, Any]
Expand = Callable[[Row], Mapping[str, Sequence[Row]]]


def filtered(context: CallContext, entity: Entity, rows: Iterable[Row]) -> list[Row]:
    """Return the rows that match `$filter` (raises the 400 for a missing or refused filter)."""
    text = context.request.query.get("$filter")
    if not text:
        _require_filter(context, entity)
        return list(rows)
    wanted = read_filter(entity.path, text)
    _allow_filter(context, entity, wanted.fields)
    return [row for row in rows if wanted.matches(row)]


def page(
    context: CallContext,
    shape: Shape,
    rows: list[Row],
    size: int,
    expand: Expand | None = None,
) -> Response:
    """Return one page of filtered rows."""
    parameters = context.request.query
    order = _Order(shape, parameters.get("$orderby"))
    rest = order.after(sorted(rows, key=order.key, reverse=order.descending), parameters)
    top = _number(parameters, "$top")
    rest = rest[_number(parameters, "$skip") or 0 :]
    shown = rest[: size if top is None else min(size, top)]
    bare = top is not None and top <= size
    following = None
    if not bare and len(shown) < len(rest):
        left = {} if top is None else {"$top": str(top - len(shown))}
        kept = {n: v for n, v in parameters.items() if n not in {"$skip", "$top"}}
        token = {**left, "$skiptoken": order.token(shown[-1])}
        following = next_link(shape.base(), {**kept, **token})
    written = [shape.write(row, expand(row) if expand else None) for row in shown]
    return collection(written, following, bare=bare, as_json=context.as_json)


class _Order:
    def __init__(self, shape: Shape, text: str | None) -> None:
        self._kinds = {f.name: f.type for f in FIELDS[shape.endpoint].values()}
        words = (text or "").split() or [shape.key]
        self.descending = words[1:] == ["desc"]
        if words[0] not in self._kinds or words[1:] not in ([], ["asc"], ["desc"]):
            raise bad_syntax()
        self._names = list(dict.fromkeys((words[0], shape.key)))

    def key(self, row: Row) -> tuple[tuple[bool, Any], ...]:
        values = (sort_value(self._kinds[name], row.get(name)) for name in self._names)
        return tuple((value is not None, value) for value in values)

    def token(self, row: Row) -> str:
        return ",".join(write_literal(self._kinds[n], row.get(n)) for n in self._names)

    def after(self, rows: list[Row], parameters: Mapping[str, str]) -> list[Row]:
        token = parameters.get("$skiptoken")
        if token is None:
            return rows
        values = read_literals(token)
        if len(values) != len(self._names):
            raise bad_syntax()
        last = tuple((value is not None, value) for value in values)
        try:
            return [row for row in rows if self._follows(self.key(row), last)]
        except TypeError:
            raise bad_syntax() from None

    def _follows(self, one: tuple[Any, ...], last: tuple[Any, ...]) -> bool:
        return one < last if self.descending else one > last


def _require_filter(context: CallContext, entity: Entity) -> None:
    if entity.required_filters is None or not context.policy.mandatory_filter:
        return
    raise bad_request(
        "This endpoint has mandatory filtering applied. A GET request for this endpoint must have "
        "a $filter parameter with one of the following fields in the url: "
        + ", ".join(sorted(entity.required_filters))
    )


def _allow_filter(context: CallContext, entity: Entity, used: frozenset[str]) -> None:
    policy = context.policy
    allowed = entity.required_filters if policy.mandatory_filter else None
    outside = allowed is not None and not used & allowed
    refused = "YourRef" in used and not policy.your_ref_filter
    if outside or (refused and entity.path == "purchaseorder/PurchaseOrders"):
        raise bad_request("This $filter parameter is not supported for this resource.")


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise bad_syntax()
    return int(text)
