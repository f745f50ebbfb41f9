"""API Gateway's HTTP events (payload 2.0) in, answers without any detail out."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ml_connector.ids import ConnectionId
from ml_connector.webhooks import LARGEST_BODY, Call

Answer = dict[str, Any]


class RefusedError(Exception):
    """The call is refused with this HTTP status; the reason is for the log alone."""

    def __init__(self, status: int, reason: str) -> None:
        """Name the status to answer with and the reason to log."""
        super().__init__(reason)
        self.status = status


def answer(status: int) -> Answer:
    """Return an empty answer: all that callers may learn is in the status."""
    headers = {"cache-control": "no-store"} | ({"allow": "POST"} if status == 405 else {})
    return {"statusCode": status, "headers": headers, "body": "", "isBase64Encoded": False}


def read_call(event: Mapping[str, Any]) -> tuple[ConnectionId, Call]:
    """Return the connection that the path names and the call.

    Raises `RefusedError` for another method, a path without a connection and an oversized body,
    which all say nothing about connections.
    """
    if event.get("requestContext", {}).get("http", {}).get("method", "POST") != "POST":
        raise RefusedError(405, "method")
    connection = (event.get("pathParameters") or {}).get("connection")
    if not connection:
        raise RefusedError(404, "no connection in the path")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return ConnectionId(connection), Call(
        headers, event.get("queryStringParameters") or {}, _body(event)
    )


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return _decoded(text)
    # A code point has at least one byte, so a long text need not be encoded to be refused.
    raw = b"" if len(text) > LARGEST_BODY else text.encode("utf-8", "surrogatepass")
    return _bounded(raw, max(len(text), len(raw)))


def _decoded(text: str) -> bytes:
    _bounded(b"", len(text) // 4 * 3 - 2)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError(400, "not base64") from None
    return _bounded(raw, len(raw))


def _bounded(raw: bytes, size: int) -> bytes:
    if size > LARGEST_BODY:
        raise RefusedError(413, "oversized")
    return raw
