"""Airbase's outgoing webhooks: the envelope, signed by one of three schemes."""

import base64
import hashlib
import hmac
import json
import random
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

Deliver = Callable[[str, Mapping[str, str], bytes], int]
"""Posts headers and a body to a URL and returns the status, 0 without an answer."""

_SECONDS = 10.0
_TRUSTED = ssl.create_default_context()  # made once: making it takes longer than a call


@dataclass(frozen=True)
class Webhook:
    """One call to the subscriber."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    due: float = 0.0
    """Epoch seconds; not delivered before."""


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Post over HTTP and return the status; 0 without an answer."""
    try:
        answer = httpx.post(
            url, headers=dict(headers), content=body, timeout=_SECONDS, verify=_TRUSTED
        )
    except httpx.HTTPError:
        return 0
    return answer.status_code


def sign(secret: str, body: bytes, scheme: str, id: str, at: float) -> dict[str, str]:
    """Return the headers that sign the body: `hmac`, `standard_webhooks` or `shared_header`."""
    if scheme == "hmac":
        return {"X-Airbase-Signature": "sha256=" + _hmac(secret.encode(), body).hex()}
    if scheme == "shared_header":
        return {"X-Airbase-Secret": secret}
    if scheme == "standard_webhooks":
        signed = f"{id}.{int(at)}.".encode() + body
        key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
        signature = base64.b64encode(_hmac(key, signed)).decode()
        return {
            "webhook-id": id,
            "webhook-timestamp": str(int(at)),
            "webhook-signature": f"v1,{signature}",
        }
    return {}


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


@dataclass
class Outbox:
    """Webhooks waiting to be delivered, and switches that disturb the delivery.

    `drop` and `duplicate` count the next webhooks to affect; `hold` keeps all until `pump`;
    `delay` keeps each for that many seconds of the simulated clock; `reorder` makes `pump`
    shuffle them. A call not answered with 2xx is made up to `tries` times in all.
    """

    clock: Callable[[], float]
    rng: random.Random
    url: str = ""
    secret: str = ""
    scheme: str = "hmac"
    deliver: Deliver = post
    drop: int = 0
    duplicate: int = 0
    hold: bool = False
    delay: float = 0.0
    reorder: bool = False
    tries: int = 3
    waiting: deque[Webhook] = field(default_factory=deque)
    sent: list[tuple[Webhook, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def announce(self, id: str, type_: str, created: str, data: Mapping[str, Any]) -> None:
        """Send the envelope of one event, or queue it while `hold` is set."""
        if not self.url:
            return
        kind = type_.partition(".")[0]
        envelope = {
            "id": id,
            "object": kind,
            "type": type_,
            "created_date": created,
            "data": data,
        }
        body = json.dumps(envelope).encode()
        headers = {"Content-Type": "application/json"}
        headers |= sign(self.secret, body, self.scheme, id, self.clock())
        webhook = Webhook(self.url, headers, body, self.clock() + self.delay)
        with self._lock:
            self.waiting.extend([webhook] * self._copies())
        if not self.hold:
            self.pump()

    def pump(self) -> None:
        """Deliver all webhooks that are due."""
        batch = self._take_due()
        if self.reorder:
            self.rng.shuffle(batch)
        for webhook in batch:
            self._deliver(webhook)

    def _take_due(self) -> list[Webhook]:
        now = self.clock()
        with self._lock:
            due = [webhook for webhook in self.waiting if webhook.due <= now]
            later = [webhook for webhook in self.waiting if webhook.due > now]
            self.waiting = deque(later)
        return due

    def _copies(self) -> int:
        if self.drop > 0:
            self.drop -= 1
            return 0
        if self.duplicate > 0:
            self.duplicate -= 1
            return 2
        return 1

    def _deliver(self, webhook: Webhook) -> None:
        for _ in range(self.tries):
            status = self.deliver(webhook.url, webhook.headers, webhook.body)
            self.sent.append((webhook, status))
            if status // 100 == 2:
                return
