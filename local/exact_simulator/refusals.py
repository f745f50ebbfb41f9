"""Everything the simulator refuses, as exceptions that know their status and their body."""

import json
from collections.abc import Mapping
from typing import Literal
from xml.sax.saxutils import escape

from local.simulation import Response

Layout = Literal["compact", "spaced", "crlf", "none"]
JSON = "application/json; charset=utf-8"


class RefusedError(Exception):
    """An error answer with Exact's usual body, laid out as Exact lays out that status."""

    def __init__(
        self,
        status: int,
        value: str = "",
        *,
        layout: Layout = "compact",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {value}")
        self.status = status
        self.value = value
        self.layout = layout
        self.headers = dict(headers or {})

    def response(self, *, as_json: bool) -> Response:
        """Return the answer: JSON, or XML for a caller that did not ask for JSON."""
        if self.layout == "none":
            return Response(self.status, self.headers)
        body = _json(self.layout, self.value) if as_json else _xml(self.value)
        kind = JSON if as_json else "application/xml; charset=utf-8"
        return Response(self.status, {**self.headers, "Content-Type": kind}, body.encode())


class BusinessError(Exception):
    """Business rules that were broken: (code, label) pairs of `texts`, said in one answer."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__(problems)
        self.problems = problems


def bad_request(value: str) -> RefusedError:
    """Return a 400: the call itself is malformed."""
    return RefusedError(400, value, layout="crlf")


def bad_syntax() -> RefusedError:
    """Return the 400 for a query that cannot be read."""
    return bad_request("Error in query syntax.")


def bad_stream(detail: str = "") -> RefusedError:
    """Return the 400 for a body that cannot be read."""
    more = detail or "The request should be a valid top-level resource object."
    return bad_request(f"Error processing request stream. {more}")


def unauthorized() -> RefusedError:
    """Return the 401 of an absent, unknown or expired access token; its body is not known."""
    return RefusedError(401, layout="none")


def forbidden(detail: str = "", reason: str | None = None) -> RefusedError:
    """Return a 403, with the `Reason` header where Exact sends one."""
    value = f"Forbidden - {detail}" if detail else "Forbidden"
    return RefusedError(403, value, layout="spaced", headers={"Reason": reason} if reason else {})


def not_found() -> RefusedError:
    """Return the 404 of an unknown key or address; its body is not known."""
    return RefusedError(404, layout="none")


def method_not_allowed() -> RefusedError:
    """Return the 405 of a method that this address does not have."""
    return RefusedError(405, layout="none")


def _json(layout: Layout, value: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if layout == "crlf":
        lines = (
            "{",
            '"error": {',
            '"code": "", "message": {',
            f'"lang": "", "value": {text}',
        )
        return "\r\n".join((*lines, "}", "}", "}"))
    if layout == "spaced":
        return f'{{ "error": {{ "code": "", "message": {{ "lang": "", "value": {text} }} }} }}'
    return f'{{"error":{{"code":"","message":{{"lang":"","value":{text}}}}}}}'


def _xml(value: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
        '<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f'<code></code><message xml:lang="">{escape(value)}</message></error>'
    )
