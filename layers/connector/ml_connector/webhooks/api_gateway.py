"""Read API Gateway's HTTP events (payload 2.0) and build answers without any detail."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ml_connector.domain.ids import AppId, ConnectionId
from ml_connector.webhooks.verification import LARGEST_CALL, WebhookCall

Answer = dict[str, Any]


class RefusedCallError(Exception):
    """The call is refused with this HTTP status; the reason is only logged."""

    def __init__(self, status: int, reason: str) -> None:
        """Name the status to answer with and the reason to log."""
        super().__init__(reason)
        self.status = status


def answer(status: int) -> Answer:
    """Return an empty answer: callers learn nothing but the status."""
    headers = {"cache-control": "no-store"} | ({"allow": "POST"} if status == 405 else {})
    return {"statusCode": status, "headers": headers, "body": "", "isBase64Encoded": False}


def read_call(event: Mapping[str, Any]) -> WebhookCall:
    """Return the call, with the connection that its path names.

    Raises `RefusedCallError` for another method, a path without a connection and an oversized
    body; none of these reveals which connections exist.
    """
    if event.get("requestContext", {}).get("http", {}).get("method", "POST") != "POST":
        raise RefusedCallError(405, "method")
    connection = (event.get("pathParameters") or {}).get("connection")
    if not connection:
        raise RefusedCallError(404, "no connection in the path")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    parameters = event.get("queryStringParameters") or {}
    return WebhookCall(AppId(ConnectionId(connection)), headers, parameters, _body(event))


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return _decode(text)
    # A character takes at least one byte, so a long text is refused without encoding it.
    raw = b"" if len(text) > LARGEST_CALL else text.encode("utf-8", "surrogatepass")
    return _check_size(raw, max(len(text), len(raw)))


def _decode(text: str) -> bytes:
    _check_size(b"", len(text) // 4 * 3 - 2)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedCallError(400, "not base64") from None
    return _check_size(raw, len(raw))


def _check_size(raw: bytes, size: int) -> bytes:
    if size > LARGEST_CALL:
        raise RefusedCallError(413, "oversized")
    return raw
