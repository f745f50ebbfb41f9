"""What the control routes of all simulators have in common: their list, and answers in words."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.simulator import Request, Response

PREFIX = "/_control/"
_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"missing \d+ required .*?arguments?: (.*)")


@dataclass(frozen=True)
class ControlRoute:
    """A route: what it does, what it is called with, and an example of that."""

    does: str
    example: str
    call: Callable[[dict[str, Any]], Any]


Routes = Mapping[tuple[str, str], ControlRoute]
"""The routes by method and name."""


def answer_route(request: Request, routes: Routes, *, rest_of: str = "") -> Response:
    """Answer a control call; a wrong one in words, with an example of a right one.

    `rest_of` names the route whose path goes on, as in `purchase-orders/2101`. `GET /_control/`
    lists the routes.
    """
    name, _, rest = request.path.removeprefix(PREFIX).strip("/").partition("/")
    if not name:
        return json_answer(200, [_line(key, route) for key, route in routes.items()])
    route = routes.get((request.method, name))
    if route is None or (rest and name != rest_of):
        return json_answer(404, {"error": _no_route(request, routes, name),
                                 "routes": [_line(k, r) for k, r in routes.items()]})  # fmt: skip
    usage = {"usage": _line((request.method, name), route)}
    try:
        sent = json.loads(request.body or b"{}")
    except ValueError:
        return json_answer(400, {"error": "the body is not JSON", **usage})
    if not isinstance(sent, dict):
        return json_answer(400, {"error": "the body is not a JSON object", **usage})
    try:
        return json_answer(200, route.call({**sent, **({"rest": rest} if rest else {})}))
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        return json_answer(400, {"error": in_words(error), **usage})


def json_answer(status: int, content: Any) -> Response:
    """Return an answer for people: JSON in lines."""
    body = json.dumps(content, indent=1, default=str, ensure_ascii=False) + "\n"
    return Response(status, {"content-type": "application/json"}, body.encode())


def in_words(error: Exception) -> str:
    """Return what is wrong with what was sent."""
    text = str(error)
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is not given, or there is nothing of this name"
    if found := _UNEXPECTED.search(text):
        return f"{found[1]!r} is not known here"
    if found := _MISSING.search(text):
        return f"{found[1]} is not given"
    if isinstance(error, AttributeError):
        return f"{error.name!r} is not known here"
    if "could not convert" in text or "invalid literal" in text:
        return f"{text.rpartition(': ')[2]} is no number"
    if isinstance(error, TypeError | ArithmeticError):
        return f"a value has the wrong form: {text or type(error).__name__}"
    return text


def _no_route(request: Request, routes: Routes, name: str) -> str:
    methods = [method for method, known in routes if known == name]
    if methods and request.method not in methods:
        return f"{PREFIX}{name} is called with {' or '.join(methods)}, not {request.method}"
    return f"there is no control route {request.path}"


def _line(key: tuple[str, str], route: ControlRoute) -> str:
    body = f" {route.example}" if route.example else ""
    return f"{key[0]} {PREFIX}{key[1]}{body}: {route.does}"
