"""Refusals, as exceptions with their status and body."""

import json
from collections.abc import Mapping
from typing import Literal
from xml.sax.saxutils import escape

from local.simulator import Response

Layout = Literal["compact", "spaced", "crlf", "none"]
JSON = "application/json; charset=utf-8"


class ExactRefusal(Exception):
    """An error answer with Exact's usual body, in Exact's layout for that status."""

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
        """Return the answer as JSON, or as XML if the caller does not accept JSON."""
        if self.layout == "none":
            return Response(self.status, self.headers)
        body = _json(self.layout, self.value) if as_json else _xml(self.value)
        kind = JSON if as_json else "application/xml; charset=utf-8"
        return Response(self.status, {**self.headers, "Content-Type": kind}, body.encode())


class BusinessError(Exception):
    """Broken business rules: (code, label) pairs of `texts`, for one answer."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__(problems)
        self.problems = problems


def bad_request(value: str) -> ExactRefusal:
    """Return a 400: the call itself is malformed."""
    return ExactRefusal(400, value, layout="crlf")


def bad_syntax() -> ExactRefusal:
    """Return the 400 for an invalid query."""
    return bad_request("Error in query syntax.")


def select_required() -> ExactRefusal:
    """Return the 400 for a list without `$select`, where Exact wants one."""
    return bad_request("Please add a $select or a $top=1 statement to the query string.")


def bad_stream(detail: str = "") -> ExactRefusal:
    """Return the 400 for an invalid body."""
    more = detail or "The request should be a valid top-level resource object."
    return bad_request(f"Error processing request stream. {more}")


def unauthorized() -> ExactRefusal:
    """Return the 401 for a missing, unknown or expired access token; its body is not known."""
    return ExactRefusal(401, layout="none")


def forbidden(detail: str = "", reason: str | None = None) -> ExactRefusal:
    """Return a 403, with the `Reason` header where Exact sends one."""
    value = f"Forbidden - {detail}" if detail else "Forbidden"
    return ExactRefusal(403, value, layout="spaced", headers={"Reason": reason} if reason else {})


def not_found() -> ExactRefusal:
    """Return the 404 for an unknown key or path; its body is not known."""
    return ExactRefusal(404, layout="none")


def method_not_allowed() -> ExactRefusal:
    """Return the 405 for a method that the path does not have."""
    return ExactRefusal(405, layout="none")


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
