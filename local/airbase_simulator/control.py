"""Control routes under `/_control/`, to be called with curl: JSON in, JSON out.

`GET /_control/` lists them, with an example of what each is called with.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from local.airbase_simulator.simulator import KINDS, AirbaseSimulator
from local.control_routes import PREFIX, ControlRoute, answer_route
from local.simulator import Handler, Request, Response, SimulatedFault

_SHOWN_CALLS = 200
_KINDS_IN_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_SWITCHES = ("url", "secret", "scheme", "drop", "duplicate", "hold", "reorder", "delay", "tries")

Route = Callable[[AirbaseSimulator, dict[str, Any]], Any]


def with_control_routes(simulator: AirbaseSimulator) -> Handler:
    """Return a handler for the control routes and for the simulator's own calls."""

    def handle(request: Request) -> Response:
        if request.path.startswith(PREFIX):
            return _answer_route(simulator, request)
        return simulator.handle(request)

    return handle


def _answer_route(simulator: AirbaseSimulator, request: Request) -> Response:
    routes = {
        key: ControlRoute(does, example, partial(call, simulator))
        for key, (call, example, does) in _ROUTES.items()
    }
    return answer_route(request, routes)


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
    if sent["subsidiary"] not in simulator.subsidiaries:
        raise KeyError(sent["subsidiary"])
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
    if sent["kind"] not in KINDS:
        raise ValueError(f"'kind' is one of {', '.join(sorted(KINDS))}")
    simulator.faults.append(SimulatedFault(sent["kind"], float(sent.get("seconds", 0))))
    return {"waiting_faults": len(simulator.faults)}


def _webhooks(simulator: AirbaseSimulator, sent: dict[str, Any]) -> Any:
    if unknown := sent.keys() - set(_SWITCHES):
        raise ValueError(f"no such switch: {', '.join(sorted(unknown))}")
    for name, value in sent.items():
        kind = type(getattr(simulator.outbox, name))
        if isinstance(value, bool) is not (kind is bool) or not isinstance(
            value, int | float if kind is float else kind
        ):
            raise ValueError(f"{name!r} is a {_KINDS_IN_WORDS[kind]}")
    for name, value in sent.items():
        setattr(simulator.outbox, name, value)
    return _state(simulator, {})["webhooks"]


def _pump(simulator: AirbaseSimulator, _sent: dict[str, Any]) -> Any:
    simulator.outbox.pump()
    return {"waiting_webhooks": len(simulator.outbox.waiting)}


_ROUTES: dict[tuple[str, str], tuple[Route, str, str]] = {
    ("GET", "state"): (_state, "", "what is in it, with the ids"),
    ("GET", "calls"): (_calls, "", "the last calls and their answers"),
    ("POST", "subsidiaries"): (
        lambda simulator, sent: simulator.add_subsidiary(**sent),
        '{"id": "sub-x", "name": "Another firm"}', "add a subsidiary",
    ),
    ("POST", "vendors"): (
        lambda simulator, sent: simulator.add_vendor(**sent),
        '{"name": "Vos", "code": "300"}', "add a vendor",
    ),
    ("POST", "orders"): (
        _order,
        '{"number": "PO-9", "subsidiary": "sub-nl", "vendor": "ID", '
        '"lines": [{"gl_account": "4100", "amount": "10.00"}]}',
        "add an order that waits for approval",
    ),
    ("POST", "bills"): (
        _bill, '{"vendor": "ID", "number": "F-1", "total": "10.00"}', "add a vendor's bill",
    ),
    ("POST", "approve"): (_change("approve"), '{"order": "ID"}', "approve an order"),
    ("POST", "amend"): (
        _change("amend"), '{"order": "ID", "notes": "More"}', "change an approved order",
    ),
    ("POST", "cancel"): (_change("cancel"), '{"order": "ID"}', "cancel an order"),
    ("POST", "faults"): (_fault, '{"kind": "slow", "seconds": 3}', "let the next call fail"),
    ("POST", "webhooks"): (
        _webhooks, '{"drop": 1, "duplicate": 0, "delay": 0}',
        f"disturb webhooks: {', '.join(_SWITCHES)}",
    ),
    ("POST", "pump"): (_pump, "", "send the webhooks that wait"),
}  # fmt: skip
