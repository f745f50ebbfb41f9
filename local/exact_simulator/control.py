"""Control routes under `/_control/`, to be called with curl: JSON in, JSON out.

`GET /_control/` lists them, with an example of what each is called with.
"""

from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from dataclasses import fields
from functools import partial
from inspect import Parameter, signature
from typing import Any

from local.control_routes import PREFIX, ControlRoute, answer_route, json_answer
from local.exact_simulator.context import Policy
from local.exact_simulator.faults import KINDS, ExactFault
from local.exact_simulator.refusals import BusinessError
from local.exact_simulator.simulator import ExactSimulator
from local.exact_simulator.texts import LANGUAGES, say
from local.exact_simulator.world import Division
from local.simulator import Handler, Request, Response

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
_SWITCHES = ", ".join(each.name for each in fields(Policy))
_LONGEST_MOVE = 10 * 366 * 86_400


def with_control_routes(simulator: ExactSimulator) -> Handler:
    """Return a handler for the control routes and for the simulator's own calls."""

    def handle(request: Request) -> Response:
        if not request.path.startswith(PREFIX):
            return simulator.handle(request)
        with simulator.lock:
            return _answer_route(simulator, request)

    return handle


def _answer_route(simulator: ExactSimulator, request: Request) -> Response:
    routes = {
        key: ControlRoute(does, example, partial(call, simulator))
        for key, (call, example, does) in _ROUTES.items()
    }
    try:
        return answer_route(request, routes, rest_of="purchase-orders")
    except BusinessError as refused:
        texts = [say("EN", *problem) for problem in refused.problems]
        return json_answer(400, {"error": "; ".join(texts)})


def _add(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    what = sent.pop("what")
    if what not in _ADDABLE:
        raise ValueError(f"what is one of {', '.join(sorted(_ADDABLE))}")
    add = getattr(simulator, f"add_{what}")
    _expect_fields(what, signature(add).parameters.values(), sent.keys())
    made = add(**sent)
    return {"division": made.code} if isinstance(made, Division) else {"id": made}


def _expect_fields(what: str, takes: Collection[Parameter], sent: AbstractSet[str]) -> None:
    """Raise `ValueError`, which says what there is to say of it, for another or a missing field."""
    named = {each.name: each for each in takes if each.kind is not Parameter.VAR_KEYWORD}
    takes_more = len(named) < len(takes)
    needed = {name for name, each in named.items() if each.default is Parameter.empty}
    text = f"it takes {', '.join(named)}{' and fields of Exact' if takes_more else ''}"
    if unknown := sorted(sent - named.keys() if not takes_more else ()):
        raise ValueError(f"a {what.replace('_', ' ')} has no {', '.join(unknown)}: {text}")
    if missing := [name for name in named if name in needed - sent]:
        raise ValueError(f"a {what.replace('_', ' ')} needs {', '.join(missing)}: {text}")


def _change(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    simulator.change(sent["division"], sent["endpoint"], sent["id"], **sent["fields"])
    return {"changed": sent["id"]}


def _remove(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    simulator.remove(sent["division"], sent["endpoint"], sent["id"])
    return {"removed": sent["id"]}


def _fault(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    if sent["kind"] not in KINDS:
        raise ValueError(f"'kind' is one of {', '.join(sorted(KINDS))}")
    simulator.faults.append(ExactFault(**sent))
    return {"waiting": len(simulator.faults)}


def _clock(simulator: ExactSimulator, sent: dict[str, Any]) -> Any:
    move = getattr(simulator.world.clock, "move", None)
    if move is None:
        raise ValueError("this simulator's clock cannot be moved")
    seconds = float(sent["seconds"])
    if not 0 <= seconds < _LONGEST_MOVE:
        raise ValueError(f"'seconds' is from 0 to {_LONGEST_MOVE}: the clock goes forward only")
    move(seconds)
    return {"now": simulator.world.clock()}


def _time(simulator: ExactSimulator, _sent: dict[str, Any]) -> Any:
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
_ROUTES: dict[tuple[str, str], tuple[_Route, str, str]] = {
    ("GET", "state"): (_state, "", "what is in it"),
    ("GET", "calls"): (_calls, "", "the last calls and their answers"),
    ("GET", "purchase-orders"): (_orders, "/2101", "the purchase orders of a division"),
    ("GET", "clock"): (_time, "", "its time, in seconds since 1970"),
    ("POST", "add"): (
        _add, '{"what": "supplier", "division": 2101, "name": "Vos", "code": "300"}',
        f"add one of {', '.join(sorted(_ADDABLE))}",
    ),
    ("POST", "change"): (
        _change,
        '{"division": 2101, "endpoint": "crm/Accounts", "id": "GUID", "fields": {"Name": "New"}}',
        "change a row, as somebody would in Exact",
    ),
    ("POST", "remove"): (
        _remove, '{"division": 2101, "endpoint": "crm/Accounts", "id": "GUID"}', "delete a row",
    ),
    ("POST", "fault"): (_fault, '{"kind": "slow", "seconds": 3}', "let the next call fail"),
    ("POST", "clock"): (_clock, '{"seconds": 3600}', "move the clock of the whole stack forward"),
    ("POST", "revoke-consent"): (_revoke, "", "take the consent back"),
    ("POST", "tokens"): (_tokens, "", "issue tokens, and show the app's credentials"),
    ("POST", "webhooks"): (
        _webhooks, '{"drop": 1, "duplicate": 0, "reorder": false}', "disturb notifications",
    ),
    ("POST", "policy"): (
        _policy, '{"line_updates": false}', f"what this Exact allows: {_SWITCHES}",
    ),
    ("POST", "language"): (_language, '{"language": "NL"}', "the language of error messages"),
    ("POST", "contract"): (
        _contract, '{"per_day": 5000, "is_premium": false, "spend": 100}', "the contract's calls",
    ),
    ("POST", "redirects"): (
        _redirects, '{"accepts_loopback": true}', "which redirect addresses consent may have",
    ),
}  # fmt: skip
