"""Control routes under `/_control/`, to be called with curl: JSON in, JSON out.

`GET calls`, `GET purchase-orders/{division}`, `GET state`; `POST add` ({"what": "supplier",
...}), `fault`, `clock` ({"seconds": n}), `revoke-consent`, `tokens`, `change`, `remove`,
`webhooks` ({"drop": n, "duplicate": n, "reorder": bool}), `policy`, `language`, `contract`
({"per_day": n, "is_premium": bool, "spend": n}), `redirects` ({"accepts_loopback": bool}).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from local.exact_simulator.faults import ExactFault
from local.exact_simulator.refusals import BusinessError
from local.exact_simulator.simulator import ExactSimulator
from local.exact_simulator.texts import LANGUAGES, say
from local.exact_simulator.world import Division
from local.simulator import Handler, Request, Response

_PREFIX = "/_control/"
_ADDABLE = frozenset(
    [
        "division",
        "supplier",
        "gl_account",
        "item",
        "supplier_item",
        "vat_code",
        "cost_centre",
        "cost_unit",
        "project",
        "payment_condition",
        "warehouse",
    ]
)
_SHOWN_CALLS = 200


def with_control_routes(simulator: ExactSimulator) -> Handler:
    """Return a handler for the control routes and for the simulator's own calls."""

    def handle(request: Request) -> Response:
        if not request.path.startswith(_PREFIX):
            return simulator.handle(request)
        with simulator.lock:
            return _answer_route(simulator, request)

    return handle


def _answer_route(simulator: ExactSimulator, request: Request) -> Response:
    name, _, rest = request.path.removeprefix(_PREFIX).strip("/").partition("/")
    route = _ROUTES.get((request.method, name))
    if route is None:
        return _answer(404, {"error": "no such control route", "routes": sorted(_names())})
    try:
        sent = json.loads(request.body or b"{}")
        return _answer(200, route(simulator, {**sent, **({"rest": rest} if rest else {})}))
    except BusinessError as refused:
        return _answer(400, {"error": [say("EN", *problem) for problem in refused.problems]})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return _answer(400, {"error": f"{type(error).__name__}: {error}"})


def _names() -> list[str]:
    return [f"{method} {_PREFIX}{name}" for method, name in _ROUTES]


def _answer(status: int, content: Any) -> Response:
    body = json.dumps(content, indent=1, default=str, ensure_ascii=False).encode()
    return Response(status, {"Content-Type": "application/json"}, body + b"\n")


def _add(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    what = sent.pop("what")
    if what not in _ADDABLE:
        raise ValueError(f"what is one of {', '.join(sorted(_ADDABLE))}")
    made = getattr(simulator, f"add_{what}")(**sent)
    return {"division": made.code} if isinstance(made, Division) else {"id": made}


def _change(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    simulator.change(sent["division"], sent["endpoint"], sent["id"], **sent["fields"])
    return {"changed": sent["id"]}


def _remove(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    simulator.remove(sent["division"], sent["endpoint"], sent["id"])
    return {"removed": sent["id"]}


def _fault(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    simulator.faults.append(ExactFault(**sent))
    return {"waiting": len(simulator.faults)}


def _clock(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    move = getattr(simulator.world.clock, "move", None)
    if move is None:
        raise ValueError("this simulator's clock cannot be moved")
    move(float(sent["seconds"]))
    return {"now": simulator.world.clock()}


def _revoke(simulator: ExactSimulator, _sent: dict[str, Any]) -> Any:
    simulator.revoke_consent()
    return {"revoked": True}


def _tokens(simulator: ExactSimulator, _sent: dict[str, Any]) -> Any:
    app = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
    return {
        **app,
        "webhook_secret": simulator.webhook_secret,
        **simulator.issue_tokens(),
    }


def _webhooks(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    hooks = simulator.webhooks
    hooks.drop = int(sent.get("drop", hooks.drop))
    hooks.duplicate = int(sent.get("duplicate", hooks.duplicate))
    hooks.reorder = bool(sent.get("reorder", hooks.reorder))
    return {"drop": hooks.drop, "duplicate": hooks.duplicate, "reorder": hooks.reorder}


def _policy(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    for name, value in sent.items():
        kind = type(getattr(simulator.policy, name))
        setattr(simulator.policy, name, kind(value))
    return {"policy": str(simulator.policy)}


def _language(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    if sent["language"] not in LANGUAGES:
        raise ValueError(f"language is one of {', '.join(LANGUAGES)}")
    simulator.world.language = sent["language"]
    return sent


def _contract(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    contract, now = simulator.limits.contract, simulator.world.clock()
    contract.per_day = int(sent.get("per_day", contract.per_day))
    contract.is_premium = bool(sent.get("is_premium", contract.is_premium))
    contract.spend(now, int(sent.get("spend", 0)))
    return {
        "per_day": contract.per_day,
        "is_premium": contract.is_premium,
        "used": contract.used(now),
    }


def _redirects(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    simulator.oauth.accepts_loopback = bool(sent["accepts_loopback"])
    return sent


def _calls(simulator: ExactSimulator, _sent: dict[str, Any]) -> Any:
    return [call._asdict() for call in simulator.calls[-_SHOWN_CALLS:]]


def _orders(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    return simulator.purchase_orders(int(sent["rest"]))


def _state(simulator: ExactSimulator, _sent: dict[str, Any]) -> Any:
    divisions = simulator.world.divisions.values()
    return {
        "site": simulator.world.site,
        "now": simulator.world.clock(),
        "language": simulator.world.language,
        "divisions": {
            d.code: {path: len(rows) for path, rows in d.rows.items()} for d in divisions
        },
        "calls": len(simulator.calls),
        "faults": len(simulator.faults),
    }


_Route = Callable[[ExactSimulator, dict[str, Any]], Any]
_ROUTES: Mapping[tuple[str, str], _Route] = {
    ("GET", "state"): _state,
    ("GET", "calls"): _calls,
    ("GET", "purchase-orders"): _orders,
    ("POST", "add"): _add,
    ("POST", "change"): _change,
    ("POST", "remove"): _remove,
    ("POST", "fault"): _fault,
    ("POST", "clock"): _clock,
    ("POST", "revoke-consent"): _revoke,
    ("POST", "tokens"): _tokens,
    ("POST", "webhooks"): _webhooks,
    ("POST", "policy"): _policy,
    ("POST", "language"): _language,
    ("POST", "contract"): _contract,
    ("POST", "redirects"): _redirects,
}
