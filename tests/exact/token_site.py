"""A stub of Exact's token endpoint."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId
from ml_connector.settings.connection import ExactSite

FIRM = ConnectionId("firm")
BASE = "https://start.exactonline.nl"
SITE_SETTINGS = ExactSite.model_validate(
    {
        "id": "firm",
        "exact_site": "nl",
        "exact_base_url": BASE,
        "divisions": [{"division": 101, "subsidiaries": ["nl"]}],
    }
)
NOON = 1_793_016_000.0  # 2026-10-26T12:00:00Z


@dataclass
class TokenSite:
    """Exact's token endpoint: rotation and the 570 s rule, or the answers that a test sets."""

    time: MovableClock
    current: str = "refresh-0"
    issued_at: float = NOON
    issued: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    secrets: list[str] = field(default_factory=list)
    """The app's secret in each call."""
    answers: list[httpx.Response | Exception] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            form = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
            self.calls[form["grant_type"]] += 1
            self.secrets.append(form["client_secret"])
            if self.answers:
                return self._given()
            return self._refresh(form) if "refresh_token" in form else self.issue()

    def _given(self) -> httpx.Response:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _refresh(self, form: dict[str, str]) -> httpx.Response:
        if form["refresh_token"] != self.current:
            return httpx.Response(
                401,
                json={
                    "error": "unauthorized_client",
                    "error_description": "Old refresh token used.",
                },
            )
        if self.time() - self.issued_at < 570:
            return too_early()
        return self.issue()

    def issue(self) -> httpx.Response:
        self.issued += 1
        self.current, self.issued_at = f"refresh-{self.issued}", self.time()
        return httpx.Response(
            200,
            json={
                "access_token": f"access-{self.issued}",
                "refresh_token": self.current,
                "token_type": "bearer",
                "expires_in": "600",
            },
        )


def too_early() -> httpx.Response:
    text = "Rate limit exceeded: access_token not expired"
    return httpx.Response(
        400,
        json={"error": "access_denied", "error_description": text},
        headers={"Reason": f"TooEarlyToRefreshTokens: {text}"},
    )
