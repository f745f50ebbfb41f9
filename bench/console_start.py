"""How long the console takes from nothing to its first inbox, against a bare handler.

The built function runs under the emulator, over the tables of the demo firm; the time that these
take to answer is subtracted: it is moto's, and DynamoDB's is the same for every handler.
"""

import json
import logging
import os
import statistics
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from bench.cold_start import BUILT, bare_folder, built_runtime, with_console, without_layers
from bench.emulator import Start, start
from bench.own_code import Stopwatch
from bench.result import Result
from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from tests.console.browser import browser_of

_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
_MAX_RATIO = 1.6
_FUNCTION = "ConsoleFunction"
_WHO = "u-clerk"
_NOTHING = "the answer is no inbox: {}"


def measure() -> Iterator[Result]:
    """Start both many times; yield medians, and the ratio of the console to the bare handler."""
    if not os.environ.get("LAMBDA_PYTHON"):
        yield Result("the console's first page", "not measured: python3.13 is missing")
        return
    logging.disable(logging.CRITICAL)
    with redirect_stdout(StringIO()):  # metrics are log lines
        bare, inits, totals = zip(*_rounds(), strict=True)
    once, init, first = map(statistics.median, (bare, inits, totals))
    yield Result("init and first call of a bare handler", f"{once:.0f} ms")
    figure = f"{first:.0f} ms ({init:.0f} ms init), {first / once:.2f} times bare"
    holds = first / once <= _MAX_RATIO
    yield Result("init and first inbox page", figure, f"at most {_MAX_RATIO}", holds)


def _rounds() -> Iterator[tuple[float, float, float]]:
    """Yield milliseconds: of the bare handler, the console's init, and its init and first page."""
    runtime = built_runtime()
    with DemoEnvironment() as demo:
        demo.connect()
        scenario = Scenario(demo, lambda _: None)
        scenario.one_order_per_division()
        scenario.orders_with_exceptions()
        event = _inbox(browser_of(demo, _WHO).cookies)
        variables = demo.stack.environment(_FUNCTION)
        tables = _timed_tables(demo)
        for _ in range(_ROUNDS):  # in turn, so that a slow minute of the machine affects both
            bare = start(without_layers(runtime), bare_folder(), {})
            tables.seconds = 0.0
            console = start(with_console(runtime), BUILT / _FUNCTION, variables, event)
            page = _own(console) - tables.seconds * 1000
            yield bare.init + (bare.call or 0), console.init, console.init + page


def _own(console: Start) -> float:
    """Return the milliseconds of the first page; raises `RuntimeError` when it is no inbox."""
    answer: Mapping[str, Any] = json.loads(console.answer)
    if console.call is None or answer.get("statusCode") != 200 or "/group?" not in answer["body"]:
        raise RuntimeError(_NOTHING.format(console.answer[:2000]))
    return console.call


def _inbox(cookies: Mapping[str, str]) -> bytes:
    """Return the call of API Gateway for the inbox of somebody who is signed in."""
    call = {
        "version": "2.0",
        "requestContext": {"http": {"method": "GET", "sourceIp": "127.0.0.1"}, "domainName": "x"},
        "rawPath": "/",
        "rawQueryString": "",
        "cookies": [f"{name}={value}" for name, value in cookies.items()],
        "headers": {"accept-language": "nl"},
    }
    return json.dumps(call).encode()


def _timed_tables(demo: DemoEnvironment) -> Stopwatch:
    """Return what adds up the time that the stack's AWS takes to answer."""
    watch, server = Stopwatch(), demo.stack._aws._server
    server.wsgi_app = watch.around(server.wsgi_app)
    return watch
