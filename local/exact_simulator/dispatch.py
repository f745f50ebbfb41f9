"""Routes an authorised call to the function that answers it."""

from collections.abc import Callable, Mapping

from local.exact_simulator import divisions, order_lines, resources, sync
from local.exact_simulator import purchase_orders as orders
from local.exact_simulator.context import CallContext
from local.exact_simulator.entities import ENTITIES
from local.exact_simulator.fields import METHODS
from local.exact_simulator.refusals import (
    ExactRefusal,
    bad_stream,
    forbidden,
    method_not_allowed,
    not_found,
)
from local.exact_simulator.routes import ExactPath
from local.exact_simulator.schema import Entity
from local.exact_simulator.webhooks import SUBSCRIPTIONS, Webhooks
from local.simulator import Request, Response

_ORDERS, _LINES = orders.ORDER.path, order_lines.LINE.path
_LARGEST_REQUEST = 10_000_000  # bytes


def answer(context: CallContext, route: ExactPath, webhooks: Webhooks) -> Response:
    """Answer a call inside a division (raises its refusal)."""
    method, endpoint, key = context.request.method, route.endpoint, route.key()
    if not endpoint or endpoint == "current/Me":
        raise not_found()
    if method not in METHODS[endpoint]:
        raise method_not_allowed()
    if method in {"POST", "PUT"}:
        _require_json(context.request)
    if method != "GET" and context.division.is_virtual:
        raise forbidden()
    if method == "GET":
        if endpoint == SUBSCRIPTIONS.path and key is None:
            return webhooks.read_many(context)
        return _read(context, route, endpoint, key)
    entity = ENTITIES[endpoint]
    if method == "POST":
        return _create(context, entity, key, webhooks)
    if key is None:
        raise method_not_allowed()
    return _change(context, entity, method, key)


def _require_json(request: Request) -> None:
    if len(request.body) > _LARGEST_REQUEST:
        raise ExactRefusal(413, layout="none")
    if "json" not in request.headers.get("content-type", ""):
        raise bad_stream()


def _read(context: CallContext, route: ExactPath, endpoint: str, key: str | None) -> Response:
    if endpoint in sync.ENDPOINTS:
        return sync.read_changes(context, endpoint)
    if endpoint in sync.BULK:
        return sync.read_bulk(context, endpoint)
    if endpoint in divisions.LISTS:
        return divisions.read_divisions(context, endpoint)
    if endpoint == sync.TIMESTAMP:
        return sync.read_timestamp(context)
    if endpoint == _ORDERS:
        return _read_orders(context, route, key)
    if key is None:
        return resources.read_many(context, ENTITIES[endpoint])
    return resources.read_one(context, ENTITIES[endpoint], key)


def _read_orders(context: CallContext, route: ExactPath, key: str | None) -> Response:
    if key is None:
        return orders.read_orders(context)
    if route.collection:
        return orders.read_lines_of(context, key)
    return orders.read_order(context, key)


def _create(context: CallContext, entity: Entity, key: str | None, webhooks: Webhooks) -> Response:
    if key is not None:
        raise method_not_allowed()
    if entity is SUBSCRIPTIONS:
        return webhooks.subscribe(context)
    special = {_ORDERS: orders.create_order, _LINES: orders.create_line}.get(entity.path)
    return special(context) if special else resources.create(context, entity)


_CHANGES: Mapping[tuple[str, str], Callable[[CallContext, str], Response]] = {
    (_ORDERS, "PUT"): orders.update_order,
    (_ORDERS, "DELETE"): orders.delete_order,
    (_LINES, "PUT"): orders.update_line,
    (_LINES, "DELETE"): orders.delete_line,
}


def _change(context: CallContext, entity: Entity, method: str, key: str) -> Response:
    if special := _CHANGES.get((entity.path, method)):
        return special(context, key)
    if method == "DELETE":
        return resources.delete(context, entity, key)
    if entity is SUBSCRIPTIONS:
        raise method_not_allowed()
    return resources.update(context, entity, key)


def scope_of(endpoint: str) -> str:
    """Return the app scope of an endpoint, as errors name it."""
    entity = ENTITIES.get(endpoint)
    name = entity.scope if entity else "Organization administration"
    return name.lower().replace(" ", ".")
