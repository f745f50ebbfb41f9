"""Exact Online in one object: state, limits, tokens, faults; `handle` answers every call."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from local.exact_simulator import dispatch, divisions, odd_answers
from local.exact_simulator.builders import Builders
from local.exact_simulator.context import CallContext, Policy
from local.exact_simulator.faults import AFTER_COMMIT, ExactFault, FaultQueue
from local.exact_simulator.journal import ExactCall
from local.exact_simulator.limits import Contract, ErrorLimit, Parallel, RateLimits, none_left
from local.exact_simulator.oauth import OAuth
from local.exact_simulator.refusals import (
    BusinessError,
    ExactRefusal,
    forbidden,
    unauthorized,
)
from local.exact_simulator.routes import ExactPath, route
from local.exact_simulator.texts import say
from local.exact_simulator.webhooks import Deliver, Webhooks, post
from local.exact_simulator.world import Division, World
from local.simulator import HandlerTransport, NoAnswer, Request, Response
from ml_connector import clock as real_clock


class ExactSimulator(Builders):
    """The server of one Exact site, with one app of its own and one user.

    `clock` gives epoch seconds. With an `rng`, every key, token and row version is the same in
    every run. `deliver` posts webhooks (URL and body in, status out), by default over HTTP. `site`
    is its country (`nl`, `co.uk`). Simulators of several sites share nothing but what they are
    given: a clock, and the `contract` whose calls they count together.
    """

    def __init__(
        self,
        clock: Callable[[], float] = real_clock.epoch,
        rng: random.Random | None = None,
        deliver: Deliver = post,
        language: str = "EN",
        site: str = "nl",
        contract: Contract | None = None,
    ) -> None:
        super().__init__(World(clock, rng or random.Random(), site))
        self.world.language = language
        self.client_id = self.world.guid()
        self.client_secret = self.world.secret(12)
        self.webhook_secret = self.world.secret(16)
        self.policy = Policy()
        self.limits = RateLimits(contract=contract or Contract())
        self.parallel = Parallel()
        self.wait: Callable[[float], None] | None = None
        """Waits before a slow answer to a call from a socket; others are told by its `delay`."""
        self.errors = ErrorLimit()
        self.oauth = OAuth(self.world, self.client_id, self.client_secret)
        self.webhooks = Webhooks(self.world, self.client_id, self.webhook_secret, deliver)
        self.faults = FaultQueue()
        self.on_call: Callable[[Request], ExactFault | None] | None = None
        self.calls: list[ExactCall] = []
        self.counters: Counter[tuple[str, str]] = Counter()
        self.lock = threading.RLock()

    def transport(self) -> HandlerTransport:
        """Return an `httpx` transport to this site, without a socket."""
        return HandlerTransport(self.handle)

    def issue_tokens(self) -> dict[str, Any]:
        """Return the token endpoint's answer after a new consent, and `issued_at`."""
        with self.lock:
            return {**self.oauth.issue(), "issued_at": self.world.clock()}

    def revoke_consent(self) -> None:
        """Withdraw the user's consent: no token works until there is a new one."""
        self.oauth.revoked = True

    def handle(self, request: Request) -> Response:
        """Answer one call (raises NoAnswer when a fault suppresses the answer)."""
        decoded = replace(request, path=unquote(request.path))
        path = route(decoded.path)
        is_alone = path.division is None or self.parallel.begin(path.division)
        try:
            with self.lock:
                response = self._logged(decoded, path, is_alone=is_alone)
            if self.wait is None or not response.delay:
                return response
            self.wait(response.delay)
            return replace(response, delay=0.0)
        finally:
            if path.division is not None:
                self.parallel.end(path.division)

    def _logged(self, request: Request, path: ExactPath, *, is_alone: bool) -> Response:
        if self.policy.refuse_parallel and not is_alone:
            self._log(request, path, 429, None)
            return Response(429)
        fault = self._fault(request)
        status = 0
        try:
            response = self._answer_with(fault, request, path)
            status = response.status
        finally:
            self._log(request, path, status, fault)
        return response

    def _fault(self, request: Request) -> ExactFault | None:
        injected = self.on_call(request) if self.on_call else None
        return injected or (self.faults.take(request) if self.faults else None)

    def _log(
        self, request: Request, path: ExactPath, status: int, fault: ExactFault | None
    ) -> None:
        kind = fault.kind if fault else None
        at = self.world.clock()
        template = path.template
        self.calls.append(ExactCall(request.method, template, path.division, status, at, kind))
        self.counters[request.method, template] += 1

    def _answer_with(self, fault: ExactFault | None, request: Request, path: ExactPath) -> Response:
        if fault is None:
            return self._answer(request, path)
        if fault.kind not in AFTER_COMMIT:
            return self._fault_before_commit(fault, path)
        response = self._answer(request, path)
        if fault.kind == "timeout_after_commit":
            raise NoAnswer
        if fault.kind == "slow":
            return Response(response.status, response.headers, response.body, fault.seconds)
        if fault.kind == "garbage":
            return Response(response.status, {"Content-Type": "text/html"}, b"<html><body>\xff{")
        if fault.kind in odd_answers.KINDS:
            return odd_answers.altered(fault.kind, response)
        return self._server_error(fault)

    def _fault_before_commit(self, fault: ExactFault, path: ExactPath) -> Response:
        now, division = self.world.clock(), path.division or 0
        match fault.kind:
            case "timeout_before_commit":
                raise NoAnswer
            case "rate_limited_minute":
                return Response(429, none_left(self.limits.minute_headers(division, now)))
            case "rate_limited_day":
                return Response(429, none_left(self.limits.day_headers(division, now)))
            case "rate_limited_bare":
                return Response(429)
            case "unauthorized":
                return Response(401)
            case "forbidden":
                return forbidden().response(as_json=True)
            case "page":
                return odd_answers.page(fault.status)
            case "unavailable":
                return Response(503, {"Content-Type": "text/html"}, b"<html>Maintenance</html>")
            case _:
                return self._server_error(fault)

    def _server_error(self, fault: ExactFault) -> Response:
        text = say(self.world.language, "generic")
        return ExactRefusal(fault.status, text).response(as_json=True)

    def _answer(self, request: Request, path: ExactPath) -> Response:
        if path.kind == "token":
            return self.oauth.token(request) if request.method == "POST" else Response(405)
        if path.kind == "authorize":
            return self.oauth.authorize(request)
        if path.kind == "unknown":
            return Response(404)
        return self._limited(request, path, path.division or 0)

    def _limited(self, request: Request, path: ExactPath, division: int) -> Response:
        now, endpoint = self.world.clock(), path.endpoint or path.template
        if self.errors.blocked(division, endpoint, now):
            return Response(429)
        admitted = self.oauth.admits(request.headers)
        counts = admitted and path.division is not None
        if counts and (window := self.limits.take(division, now)):
            return Response(429, self.limits.refusal(window, division, now))
        response = self._dispatched(request, path, admitted=admitted)
        self.errors.note(division, endpoint, response.status, now)
        if path.division is None:
            return response
        headers = {**self.limits.headers(division, now), **response.headers}
        return Response(response.status, headers, response.body)

    def _dispatched(self, request: Request, path: ExactPath, *, admitted: bool) -> Response:
        as_json = "application/json" in request.headers.get("accept", "")
        try:
            if not admitted:
                raise unauthorized()
            if path.kind == "me":
                return divisions.read_me(self.world, request, as_json=as_json)
            division = self._authorised_division(path, request.method)
            context = CallContext(self.world, division, self.policy, request, as_json)
            return dispatch.answer(context, path, self.webhooks)
        except ExactRefusal as refusal:
            return refusal.response(as_json=as_json)
        except BusinessError as refused:
            text = "".join(say(self.world.language, c, label) for c, label in refused.problems)
            return ExactRefusal(500, text).response(as_json=as_json)

    def _authorised_division(self, path: ExactPath, method: str) -> Division:
        division = self.world.divisions.get(path.division or 0)
        if division is None or not division.in_scope:
            raise forbidden("User division is not within division scope.", "NoDivisionAccess")
        if division.blocked:
            raise forbidden(reason="DivisionBlocked")
        if path.endpoint in self.policy.unlicensed:
            raise forbidden()
        if path.endpoint in self.policy.denied:
            scope = dispatch.scope_of(path.endpoint)
            raise forbidden(f"Application Scope Violated. Cannot read '{scope}' scope.")
        if path.endpoint in self.policy.read_only and method != "GET":
            raise forbidden()
        return division
