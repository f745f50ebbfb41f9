"""Judges every call at the AWS endpoint, by the key that signed it, before AWS is played."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.rights.policies import Principal
from local.rights.stack_rights import StackRights
from local.rights.wire import UNREADABLE, WireAnswer, WireCall, key_id_of, read_call, refused

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_CONTROL = "/moto-api/"  # of the simulation itself
OWNER_KEY = "local"
"""The key of who owns the account: creates the stack, plays AWS, looks into tables in tests."""


def key_id(principal: str) -> str:
    """Return the id of the access key under which a role or person calls AWS locally."""
    return "ASIA" + hashlib.sha256(principal.encode()).hexdigest()[:16].upper()


class Endpoint:
    """Passes to `application` the calls that the stack's policies allow."""

    def __init__(self, application: Application) -> None:
        """Allow everything until `enforce`."""
        self._application = application
        self._rights: StackRights | None = None
        self._principals: Mapping[str, Principal] = {}

    def enforce(self, rights: StackRights, principals: Iterable[Principal]) -> None:
        """Judge from now on; of other keys, only the owner's is accepted."""
        self._principals = {key_id(each.name): each for each in principals}
        self._rights = rights

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a call, as a WSGI application."""
        is_owners = key_id_of(environ) == OWNER_KEY or environ["PATH_INFO"].startswith(_CONTROL)
        if self._rights is None or is_owners:
            return self._application(environ, start_response)
        try:
            answer = self._judge(self._rights, read_call(environ))
        except (KeyError, ValueError):
            answer = UNREADABLE
        if answer is None:
            return self._application(environ, start_response)
        headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
        start_response(answer.status, headers)
        return [answer.body]

    def _judge(self, rights: StackRights, call: WireCall) -> WireAnswer | None:
        principal = self._principals.get(call.key_id)
        if principal is None:
            return refused(call, "", "The security token included in the request is invalid.")
        refusal = rights.refusal(principal, call.service, call.operation, call.params)
        return None if refusal is None else refused(call, refusal.question.action, str(refusal))
