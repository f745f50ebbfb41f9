"""Sign a person in: send the browser to the identity provider, and take what it brings back."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from ml_connector.infrastructure.dynamodb import Table
from ml_connector.secret import Secret
from ml_console.settings import Settings
from ml_console.sign_in.attempts import Attempts, RefusedSignInError, cookie_name
from ml_console.sign_in.id_token import SignedIn, read_id_token
from ml_console.sign_in.provider import Provider
from ml_console.web import Answer, Request, cookie, redirect

ANSWER_PATH = "/sign-in/answer"
_MINUTES = 600


@dataclass(frozen=True)
class Arrived:
    """A person who has signed in, where they wanted to go, and the cookie to be dropped."""

    signed_in: SignedIn
    to: str
    used_cookie: str


class SignIn:
    """Sign-in at one identity provider."""

    def __init__(
        self, settings: Settings, table: Table, client_secret: Callable[[], Secret]
    ) -> None:
        """Keep what is needed between the two calls in the console's own table."""
        self._settings = settings
        self._attempts = Attempts(table)
        self._provider = Provider(settings.issuer, table)
        self._client_secret = client_secret

    def start(self, request: Request, to: str) -> Answer:
        """Return the redirect to the provider; raises `RefusedSignInError`."""
        begun = self._attempts.begin(to, request.source_ip)
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": request.origin + ANSWER_PATH,
            "scope": "openid profile email",
            "state": begun.state,
            "nonce": begun.attempt.nonce,
            "code_challenge": begun.challenge,
            "code_challenge_method": "S256",
        }
        address = self._provider.known().authorization_endpoint
        joined = "&" if "?" in address else "?"
        kept = cookie(begun.cookie, begun.browser, _MINUTES)
        return redirect(f"{address}{joined}{urlencode(query)}", (kept,))

    def answer(self, request: Request) -> Arrived:
        """Return who has signed in; raises `RefusedSignInError`."""
        query = request.query
        state = query.get("state", "")
        name = cookie_name(state)
        attempt = self._attempts.take(state, request.cookies.get(name, ""))
        if query.get("iss", self._settings.issuer) != self._settings.issuer:
            raise RefusedSignInError("token", "answered by another issuer")
        if "error" in query or not query.get("code"):
            raise RefusedSignInError("denied", query.get("error", "")[:100])
        known = self._provider.known()
        client = self._settings.client_id, self._client_secret()
        redirect_uri = request.origin + ANSWER_PATH
        token = self._provider.exchange(
            known, query["code"], attempt.verifier, redirect_uri, client
        )
        signed_in = read_id_token(
            token, self._provider, known, self._settings.client_id, attempt.nonce,
            self._settings.claim,
        )  # fmt: skip
        return Arrived(signed_in, attempt.to, cookie(name, "", 0))
