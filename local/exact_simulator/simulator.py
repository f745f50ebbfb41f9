"""Exact Online in one object: state, limits, tokens, faults and the one way in, `handle`."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from local.exact_simulator import control, dispatch
from local.exact_simulator.builders import Builders
from local.exact_simulator.context import Context, Policy
from local.exact_simulator.faults import AFTER_COMMIT, Fault, FaultQueue
from local.exact_simulator.journal import Call
from local.exact_simulator.limits import ErrorLimit, RateLimits, none_left
from local.exact_simulator.oauth import OAuth
from local.exact_simulator.refusals import (
    BusinessError,
    RefusedError,
    forbidden,
    unauthorized,
)
from local.exact_simulator.routes import Route, route
from local.exact_simulator.texts import say
from local.exact_simulator.webhooks import Deliver, Webhooks, post
from local.exact_simulator.world import Division, World
from local.simulation import HandlerTransport, NoAnswer, Request, Response
from ml_connector import clock as real_clock


class ExactSimulator(Builders):
    """One Exact site with one app and one user.

    `clock` gives epoch seconds. With an `rng`, every key, token and row version is the same in
    every run. `deliver` posts webhooks (address and body in, status out); over HTTP without one.
    """

    def __init__(
        self,
        clock: Callable[[], float] = real_clock.epoch,
        rng: random.Random | None = None,
        deliver: Deliver = post,
        language: str = "EN",
    ) -> None:
        super().__init__(World(clock, rng or random.Random()))
        self.world.language = language
        self.client_id = self.world.guid()
        self.client_secret = self.world.secret(12)
        self.webhook_secret = self.world.secret(16)
        self.policy = Policy()
        self.limits = RateLimits()
        self.errors = ErrorLimit()
        self.oauth = OAuth(self.world, self.client_id, self.client_secret)
        self.webhooks = Webhooks(self.world, self.client_id, self.webhook_secret, deliver)
        self.faults = FaultQueue()
        self.on_call: Callable[[Request], Fault | None] | None = None
        self.calls: list[Call] = []
        self.counters: Counter[tuple[str, str]] = Counter()
        self.lock = threading.RLock()

    def transport(self) -> HandlerTransport:
        """Return a transport for `httpx.Client` that answers inside this process."""
        return HandlerTransport(self.handle)

    def issue_tokens(self) -> dict[str, Any]:
        """Return what the token endpoint answers after a fresh consent, and `issued_at`."""
        with self.lock:
            return {**self.oauth.issue(), "issued_at": self.world.clock()}

    def revoke_consent(self) -> None:
        """Take the user's consent back: no token of it works until there is a new one."""
        self.oauth.revoked = True

    def handle(self, request: Request) -> Response:
        """Answer one call (raises NoAnswer when a fault swallows the answer)."""
        with self.lock:
            if request.path.startswith(control.PREFIX):
                return control.handle(self, request)
            decoded = replace(request, path=unquote(request.path))
            return self._logged(decoded, route(decoded.path))

    def _logged(self, request: Request, place: Route) -> Response:
        fault = self._fault(request)
        status = 0
        try:
            response = self._through(fault, request, place)
            status = response.status
        finally:
            self._log(request, place, status, fault)
        return response

    def _fault(self, request: Request) -> Fault | None:
        ordered = self.on_call(request) if self.on_call else None
        return ordered or (self.faults.take(request) if self.faults else None)

    def _log(self, request: Request, place: Route, status: int, fault: Fault | None) -> None:
        kind = fault.kind if fault else None
        at = self.world.clock()
        template = place.template
        self.calls.append(Call(request.method, template, place.division, status, at, kind))
        self.counters[request.method, template] += 1

    def _through(self, fault: Fault | None, request: Request, place: Route) -> Response:
        if fault is None:
            return self._answer(request, place)
        if fault.kind not in AFTER_COMMIT:
            return self._instead(fault, place)
        response = self._answer(request, place)
        if fault.kind == "timeout_after_commit":
            raise NoAnswer
        if fault.kind == "slow":
            return Response(response.status, response.headers, response.body, fault.seconds)
        if fault.kind == "garbage":
            return Response(response.status, {"Content-Type": "text/html"}, b"<html><body>\xff{")
        return self._broken(fault)

    def _instead(self, fault: Fault, place: Route) -> Response:
        now, division = self.world.clock(), place.division or 0
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
            case "unavailable":
                return Response(503, {"Content-Type": "text/html"}, b"<html>Maintenance</html>")
            case _:
                return self._broken(fault)

    def _broken(self, fault: Fault) -> Response:
        text = say(self.world.language, "generic")
        return RefusedError(fault.status, text).response(as_json=True)

    def _answer(self, request: Request, place: Route) -> Response:
        if place.kind == "token":
            return self.oauth.token(request) if request.method == "POST" else Response(405)
        if place.kind == "authorize":
            return self.oauth.authorize(request)
        if place.kind == "unknown":
            return Response(404)
        division = place.division
        if division is None:
            division = self.world.current_division or 0
        return self._limited(request, place, division)

    def _limited(self, request: Request, place: Route, division: int) -> Response:
        now, endpoint = self.world.clock(), place.endpoint or place.template
        if self.errors.blocked(division, endpoint, now):
            return Response(429)
        admitted = self.oauth.admits(request.headers)
        if admitted and (window := self.limits.take(division, now)):
            shown = self.limits.minute_headers if window == "minute" else self.limits.day_headers
            return Response(429, shown(division, now))
        response = self._tried(request, place, admitted=admitted)
        self.errors.note(division, endpoint, response.status, now)
        headers = {**self.limits.headers(division, now), **response.headers}
        return Response(response.status, headers, response.body)

    def _tried(self, request: Request, place: Route, *, admitted: bool) -> Response:
        as_json = "application/json" in request.headers.get("accept", "")
        try:
            if not admitted:
                raise unauthorized()
            if place.kind == "me":
                return dispatch.me(self.world, request, as_json=as_json)
            division = self._entered(place, request.method)
            context = Context(self.world, division, self.policy, request, as_json)
            return dispatch.answer(context, place, self.webhooks)
        except RefusedError as refusal:
            return refusal.response(as_json=as_json)
        except BusinessError as rules:
            text = "".join(say(self.world.language, c, label) for c, label in rules.problems)
            return RefusedError(500, text).response(as_json=as_json)

    def _entered(self, place: Route, method: str) -> Division:
        division = self.world.divisions.get(place.division or 0)
        if division is None or not division.in_scope:
            raise forbidden("User division is not within division scope.", "NoDivisionAccess")
        if division.blocked:
            raise forbidden(reason="DivisionBlocked")
        if place.endpoint in self.policy.unlicensed:
            raise forbidden()
        if place.endpoint in self.policy.denied:
            scope = dispatch.scope_of(place.endpoint)
            raise forbidden(f"Application Scope Violated. Cannot read '{scope}' scope.")
        if place.endpoint in self.policy.read_only and method != "GET":
            raise forbidden()
        return division
