"""An AWS call as it arrives over HTTP, and AWS's answer to one that is refused."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

SEND_MAIL = "/v2/email/outbound-emails"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/[\w-]+/([\w-]+)/aws4_request")
_REST = {SEND_MAIL: "SendEmail"}
"""Operations that are named by their path."""
_XML_CODES = {"sns": "AuthorizationError"}


@dataclass(frozen=True)
class WireCall:
    """A signed call: who signed it (a key id), and what it asks for."""

    key_id: str
    service: str
    operation: str
    params: Mapping[str, Any]

    @property
    def is_json(self) -> bool:
        """Return whether the service speaks JSON; the others take forms and answer XML."""
        return self.service not in ("sns", "sts", "cloudformation")


@dataclass(frozen=True)
class WireAnswer:
    """An HTTP answer."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


UNREADABLE = WireAnswer("403 Forbidden", [("Content-Type", "text/plain")], b"Access denied")
"""For a call that is not signed, or not in a form that is known here."""


def key_id_of(environ: Mapping[str, Any]) -> str | None:
    """Return the id of the key that signed the call; None for an unsigned one."""
    match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return match[1] if match else None


def read_call(environ: dict[str, Any]) -> WireCall:
    """Read a signed call; its body can be read again afterwards.

    Raises ValueError or KeyError for a call in a form that is not known here.
    """
    match = _CREDENTIAL.search(environ["HTTP_AUTHORIZATION"])
    if match is None:
        raise ValueError("the call is not signed")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    if operation := _REST.get(environ["PATH_INFO"]):
        return WireCall(match[1], match[2], operation, json.loads(body))
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return WireCall(match[1], match[2], target.rpartition(".")[2], json.loads(body))
    form = dict(parse_qsl(body.decode()))
    return WireCall(match[1], match[2], form["Action"], form)


def refused(call: WireCall, action: str, sentence: str) -> WireAnswer:
    """Return AWS's answer to a call that lacks a right, in the shape of its service."""
    if call.is_json:
        return _json(call, action, sentence)
    code = _XML_CODES.get(call.service, "AccessDenied")
    xml = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{escape(sentence)}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
    )
    return WireAnswer("403 Forbidden", [("Content-Type", "text/xml")], xml.encode())


def _json(call: WireCall, action: str, sentence: str) -> WireAnswer:
    code, headers = "AccessDeniedException", [("Content-Type", "application/x-amz-json-1.0")]
    if call.service == "sqs":
        # The code that clients of the older protocol know is in a header.
        known = "KMS.AccessDeniedException" if action.startswith("kms:") else "AccessDenied"
        headers.append(("x-amzn-query-error", f"{known};Sender"))
    body = json.dumps({"__type": code, "message": sentence}).encode()
    return WireAnswer("400 Bad Request", headers, body)
