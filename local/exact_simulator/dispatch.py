"""Routes an authorised call to the function that answers it."""

from collections.abc import Callable, Mapping

from local.exact_simulator import order_lines, resources, sync
from local.exact_simulator import purchase_orders as orders
from local.exact_simulator.answers import Shape, collection
from local.exact_simulator.context import CallContext
from local.exact_simulator.entities import ENTITIES
from local.exact_simulator.fields import METHODS
from local.exact_simulator.listing import page
from local.exact_simulator.odata_query import read_filter
from local.exact_simulator.refusals import ExactRefusal, bad_stream, method_not_allowed, not_found
from local.exact_simulator.routes import ExactPath
from local.exact_simulator.schema import Entity
from local.exact_simulator.texts import LANGUAGES
from local.exact_simulator.webhooks import SUBSCRIPTIONS, Webhooks
from local.exact_simulator.world import Row, World
from local.simulator import Request, Response

_ORDERS, _LINES = orders.ORDER.path, order_lines.LINE.path
_DIVISIONS = "system/Divisions"
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


def me(world: World, request: Request, *, as_json: bool) -> Response:
    """Answer current/Me: a list with the user."""
    local = world.local()
    offset = local.utcoffset()
    row: Row = {
        "UserID": world.user_id,
        "CurrentDivision": world.current_division,
        "AccountingDivision": world.current_division,
        "FullName": world.user_name,
        "UserName": world.user_name,
        "Language": world.language,
        "LanguageCode": LANGUAGES[world.language],
        "ServerTime": f"{local:%Y-%m-%dT%H:%M:%S}",
        "ServerUtcOffset": 0.0 if offset is None else offset.total_seconds(),
    }
    shape = Shape("current/Me", request.origin, None, "UserID")
    return collection([shape.write(row)], None, bare=False, as_json=as_json)


def _require_json(request: Request) -> None:
    if len(request.body) > _LARGEST_REQUEST:
        raise ExactRefusal(413, layout="none")
    if "json" not in request.headers.get("content-type", ""):
        raise bad_stream()


def _read(context: CallContext, route: ExactPath, endpoint: str, key: str | None) -> Response:
    if endpoint in sync.ENDPOINTS:
        return sync.read_changes(context, endpoint)
    if special := {sync.TIMESTAMP: sync.read_timestamp, _DIVISIONS: _divisions}.get(endpoint):
        return special(context)
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


def _divisions(context: CallContext) -> Response:
    shape = context.shape(_DIVISIONS, "Code")
    rows: list[Mapping[str, object]] = [
        {
            "Code": division.code,
            "Description": division.description,
            "Country": division.country.ljust(3),
            "Currency": division.currency,
            "Current": division.code == context.world.current_division,
            "DivisionMoveDate": division.moved_at,
            "BlockingStatus": 100 if division.blocked else 0,
            "Status": 1,
            "IsMainDivision": index == 0,
        }
        for index, division in enumerate(context.world.divisions.values())
        if division.in_scope
    ]
    if text := context.request.query.get("$filter"):
        rows = [row for row in rows if read_filter(_DIVISIONS, text).matches(row)]
    return page(context, shape, rows, context.policy.page_size)


def scope_of(endpoint: str) -> str:
    """Return the app scope of an endpoint, as errors name it."""
    entity = ENTITIES.get(endpoint)
    name = entity.scope if entity else "Organization administration"
    return name.lower().replace(" ", ".")
