"""Requests and answers of the console's HTTP API, and the headers of every answer."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

CHOSEN = "chosen"
LARGEST_FORM = 64 * 1024
"""Bytes of a form."""
_MOST_FIELDS = 80
_FORM = "application/x-www-form-urlencoded"

HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=63072000",
    "x-content-type-options": "nosniff",
}
"""Of every answer; a file that never changes has another `cache-control`."""


@dataclass(frozen=True)
class Request:
    """One call. Header names are in lower case; of a name given twice, the last value counts.

    `origin` is scheme and host under which people see the console.
    """

    method: str
    path: str
    origin: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()
    """The values of the boxes that were ticked in a form."""
    source_ip: str = ""

    @property
    def address(self) -> str:
        """Return path and query, to come back to after signing in."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in self.query.items())
        return f"{self.path}?{query}" if query else self.path


@dataclass(frozen=True)
class Answer:
    """One answer: a page, a file or a redirect."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()

    def as_result(self) -> dict[str, Any]:
        """Return what API Gateway expects of the function (payload 2.0)."""
        return {
            "statusCode": self.status,
            "headers": {**HEADERS, **self.headers},
            "cookies": list(self.cookies),
            "body": self.body,
            "isBase64Encoded": False,
        }


class BadRequestError(Exception):
    """A call that no page of ours makes."""


def read_request(event: Mapping[str, Any], url: str) -> Request:
    """Return the call in an event of API Gateway; raises `BadRequestError`.

    `url` is where people see the console; empty: under the name that API Gateway was called by,
    which it only takes when it is one of its own.
    """
    context = event["requestContext"]
    cookies = (each.partition("=") for each in event.get("cookies") or ())
    headers = {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    return Request(
        method=str(context["http"]["method"]),
        path=str(event["rawPath"]),
        origin=url or f"https://{context['domainName']}",
        query=_pairs(str(event.get("rawQueryString") or "")),
        headers=headers,
        cookies={name.strip(): value.strip() for name, _, value in cookies},
        form=_pairs(form := _form_text(event, headers)),
        chosen=tuple(value for name, value in parse_qsl(form) if name == CHOSEN),
        source_ip=str(context["http"].get("sourceIp", "")),
    )


def redirect(to: str, cookies: tuple[str, ...] = ()) -> Answer:
    """Return the answer that sends the browser to another address, by GET."""
    return Answer(303, headers={"location": to}, cookies=cookies)


def cookie(name: str, value: str, seconds: int) -> str:
    """Return a cookie of this host alone that no script reads; 0 seconds: the browser drops it."""
    return f"{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"


def local_path(text: str) -> str:
    """Return the address within the console that a text names; the first page for any other."""
    is_plain = text.isascii() and text.isprintable() and "\\" not in text and " " not in text
    if not is_plain or not text.startswith("/") or text.startswith("//"):
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else text


def _form_text(event: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    body = str(event.get("body") or "")
    if not body:
        return ""
    if len(body) > LARGEST_FORM or headers.get("content-type", "").partition(";")[0] != _FORM:
        raise BadRequestError
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadRequestError from error


def _pairs(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise BadRequestError from error
