"""Amazon SES as it takes mail, with its limits and errors; nothing leaves this machine."""

import io
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local.rights.wire import SEND_MAIL

LARGEST_MAIL = 40 * 1024 * 1024
"""Bytes of a mail with all its parts."""
MOST_RECIPIENTS = 50


@dataclass
class Mail:
    """A mail that was taken."""

    sender: str
    to: list[str]
    subject: str
    text: str
    html: str


@dataclass
class SentMail:
    """An account of SES before `application`: who is verified, how much it takes, and what it took.

    An address is verified by itself or by its domain. In the sandbox, where every account begins,
    recipients have to be verified too. `per_second` and `per_day` count recipients.
    """

    application: Any
    verified: set[str] = field(default_factory=set)
    is_sandbox: bool = True
    is_paused: bool = False
    per_second: int = 14
    per_day: int = 50_000
    sent: list[Mail] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a call to SES; pass on any other."""
        if environ["PATH_INFO"] != SEND_MAIL:
            return self.application(environ, start_response)  # type: ignore[no-any-return]
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(raw)
        refusal = self.take(json.loads(raw))
        code, text = refusal or ("", "")
        body = json.dumps({"message": text} if refusal else {"MessageId": f"{len(self.sent):060}"})
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        headers += [("x-amzn-ErrorType", code)] if code else []
        statuses = {"": "200 OK", "TooManyRequestsException": "429 Too Many Requests"}
        start_response(statuses.get(code, "400 Bad Request"), headers)
        return [body.encode()]

    def take(self, call: dict[str, Any]) -> tuple[str, str] | None:
        """Keep the mail; return the code and the text of SES's error when it does not take it."""
        sender, to = call["FromEmailAddress"], call["Destination"]["ToAddresses"]
        content = call["Content"]["Simple"]
        subject = content["Subject"]["Data"]
        parts = {name: part["Data"] for name, part in content["Body"].items()}
        if refusal := self._refusal(sender, to, subject, parts):
            return refusal
        self._times += [time.monotonic()] * len(to)
        mail = Mail(sender, to, subject, parts.get("Text", ""), parts.get("Html", ""))
        self.sent.append(mail)
        return None

    def _refusal(
        self, sender: str, to: list[str], subject: str, parts: dict[str, str]
    ) -> tuple[str, str] | None:
        asked = [sender, *(to if self.is_sandbox else ())]
        unknown = [each for each in asked if not self._is_verified(each)]
        recent = [each for each in self._times if each > time.monotonic() - 1]
        if self.is_paused:
            return "SendingPausedException", "Email sending is disabled for this account."
        if not 0 < len(to) <= MOST_RECIPIENTS:
            return "MessageRejected", f"Recipient count exceeds {MOST_RECIPIENTS}."
        if not subject.isprintable():
            return "BadRequestException", "Subject contains invalid characters."
        if sum(len(each.encode()) for each in (subject, *parts.values())) > LARGEST_MAIL:
            return "MessageRejected", "Message length exceeds the maximum allowed."
        if unknown:
            names = ", ".join(dict.fromkeys(unknown))
            return "MessageRejected", (
                "Email address is not verified. The following identities failed the check in "
                f"region EU-CENTRAL-1: {names}"
            )
        if len(self._times) + len(to) > self.per_day:
            return "TooManyRequestsException", "Daily message quota exceeded."
        if len(recent) + len(to) > self.per_second:
            return "TooManyRequestsException", "Maximum sending rate exceeded."
        return None

    def _is_verified(self, address: str) -> bool:
        return not self.verified.isdisjoint({address, address.partition("@")[2]})
