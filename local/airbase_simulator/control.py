"""Control routes under `/_control/`, to be called with curl: JSON in, JSON out.

`GET state`, `GET calls`; `POST subsidiaries` ({"id", "name"}), `vendors` ({"name", "code"}),
`orders` ({"number", "subsidiary", "vendor": id, "lines": [{"gl_account", "amount"}]}), `bills`
({"vendor": id, "number", "total"}), `approve` and `cancel` ({"order": id}), `amend` ({"order": id,
field: value}), `faults` ({"kind", "seconds"}), `webhooks` ({"url", "secret", "scheme", "drop",
"duplicate", "hold", "reorder", "delay", "tries"}), `pump`.
"""

import json
from collections.abc import Callable
from typing import Any

from local.airbase_simulator.simulator import AirbaseSimulator
from local.simulator import Handler, Request, Response, SimulatedFault

_PREFIX = "/_control/"

_SHOWN_CALLS = 200
_SWITCHES = ("url", "secret", "scheme", "drop", "duplicate", "hold", "reorder", "delay", "tries")

Route = Callable[[AirbaseSimulator, dict[str, Any]], Any]


def with_control_routes(simulator: AirbaseSimulator) -> Handler:
    """Return a handler for the control routes and for the simulator's own calls."""

    def handle(request: Request) -> Response:
        if request.path.startswith(_PREFIX):
            return _answer_route(simulator, request)
        return simulator.handle(request)

    return handle


def _answer_route(simulator: AirbaseSimulator, request: Request) -> Response:
    name = request.path.removeprefix(_PREFIX).strip("/")
    route = _ROUTES.get((request.method, name))
    if route is None:
        known = [f"{method} {_PREFIX}{name}" for method, name in _ROUTES]
        return _json(404, {"error": "no such control route", "routes": known})
    try:
        return _json(200, route(simulator, json.loads(request.body or b"{}")))
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _json(status: int, content: Any) -> Response:
    body = json.dumps(content, indent=1, default=str, ensure_ascii=False) + "\n"
    return Response(status, {"content-type": "application/json"}, body.encode())


def _state(simulator: AirbaseSimulator, _sent: dict[str, Any]) -> Any:
    outbox = simulator.outbox
    return {
        "api_key": simulator.api_key,
        "webhooks": {name: getattr(outbox, name) for name in _SWITCHES},
        "waiting_webhooks": len(outbox.waiting),
        "sent_webhooks": [status for _, status in outbox.sent],
        "subsidiaries": list(simulator.subsidiaries.values()),
        "vendors": list(simulator.vendors.values()),
        "orders": list(simulator.orders.values()),
    }


def _calls(simulator: AirbaseSimulator, _sent: dict[str, Any]) -> Any:
    return [vars(call) for call in simulator.calls[-_SHOWN_CALLS:]]


def _order(simulator: AirbaseSimulator, sent: dict[str, Any]) -> Any:
    vendor = simulator.vendors[sent.pop("vendor")]
    lines = [simulator.line(**line) for line in sent.pop("lines")]
    return simulator.add_order(sent.pop("number"), sent.pop("subsidiary"), vendor, lines, **sent)


def _bill(simulator: AirbaseSimulator, sent: dict[str, Any]) -> Any:
    return simulator.add_bill(simulator.vendors[sent.pop("vendor")], **sent)


def _change(method: str) -> Route:
    def route(simulator: AirbaseSimulator, sent: dict[str, Any]) -> Any:
        order = simulator.orders[sent.pop("order")]
        getattr(simulator, method)(order, **sent)
        return order

    return route


def _fault(simulator: AirbaseSimulator, sent: dict[str, Any]) -> Any:
    simulator.faults.append(SimulatedFault(sent["kind"], float(sent.get("seconds", 0))))
    return {"waiting_faults": len(simulator.faults)}


def _webhooks(simulator: AirbaseSimulator, sent: dict[str, Any]) -> Any:
    if unknown := sent.keys() - set(_SWITCHES):
        raise ValueError(f"no such switch: {', '.join(sorted(unknown))}")
    for name, value in sent.items():
        setattr(simulator.outbox, name, value)
    return _state(simulator, {})["webhooks"]


def _pump(simulator: AirbaseSimulator, _sent: dict[str, Any]) -> Any:
    simulator.outbox.pump()
    return {"waiting_webhooks": len(simulator.outbox.waiting)}


_ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "state"): _state,
    ("GET", "calls"): _calls,
    ("POST", "subsidiaries"): lambda simulator, sent: simulator.add_subsidiary(**sent),
    ("POST", "vendors"): lambda simulator, sent: simulator.add_vendor(**sent),
    ("POST", "orders"): _order,
    ("POST", "bills"): _bill,
    ("POST", "approve"): _change("approve"),
    ("POST", "amend"): _change("amend"),
    ("POST", "cancel"): _change("cancel"),
    ("POST", "faults"): _fault,
    ("POST", "webhooks"): _webhooks,
    ("POST", "pump"): _pump,
}
