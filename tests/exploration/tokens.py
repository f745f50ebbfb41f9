"""The token protocol: two refreshers and a reader over one pair that is due, and failing stores.

Noticed are the calls on the stored pairs and the lease, and those to Exact. What else a refresher
reads and notes (pauses, refusals, calls of the day), it does under the lease.
"""

import pickle
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import httpx
from botocore.exceptions import ClientError

from local.exact_simulator import ExactSimulator
from local.exact_simulator.limits import ErrorLimit, RateLimits
from local.exact_simulator.oauth import OAuth
from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from ml_connector import clock
from ml_connector.domain.faults import Fault, Halt
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.client import ExactClient, open_exact_client
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.secret_store import EXACT_APP
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection
from tests.exploration.actors import DONE, Actor, Ways, call
from tests.exploration.search import Choice
from tests.exploration.stores import ExploredTable
from tests.exploration.world import World

FIRM = ConnectionId("firm")
_REFRESHERS, _READER = ("refresher 1", "refresher 2"), "the reader"
_RENEW = "ask Exact for a new pair"
_MORNING, _DUE, _LATER, _AN_HOUR = 1_790_000_000.0, 580, 620, 3700
_TRIES = 4
_LEFT_OUT = "#budget|token-calls"
_CONNECTION = Connection.model_validate(
    {
        "id": FIRM,
        "exact_base_url": "https://exact.test",
        "airbase_base_url": "https://airbase.test",
        "divisions": [{"division": 101, "subsidiaries": ["sub"]}],
    }
)


@dataclass
class _Data:
    """What happens outside of tables and actors."""

    last: str = ""
    started: Counter[str] = field(default_factory=Counter)
    stored: set[str] = field(default_factory=set)
    """Every access token that either store has held."""
    losses: int = 0
    """How often a process died or an answer of Exact was lost: after that, a pair may be gone."""
    spent_sent: int = 0
    """How often a refresh token was sent that Exact had taken before."""
    broken: str = ""


class _Outside(NamedTuple):
    """Exact's consents and chance, the secrets, and requests that are not committed yet."""

    consents: bytes
    chance: Any
    secrets: dict[ConnectionId, Secret]
    late: tuple[httpx.Request, ...]


class TokenWorld(World):
    """From a pair that is due to the next one, and to the one after that."""

    data: _Data

    def __init__(self, rounds: int = 1) -> None:
        """Consent was given, and the pair is due; each actor runs once in each of `rounds`."""
        self._rounds = rounds
        moving = clock.MovableClock(_MORNING)
        clock.read_from(moving)
        self.exact = ExactSimulator(clock=moving, rng=random.Random(1))
        self.exact.add_division(101, "NL")
        self.secrets = ExploredSecretStore(self)
        self.late: list[httpx.Request] = []
        self.transport = ExploredTransport(self)
        before = InMemoryTable("coordination")
        self._consent(before)
        table = ExploredTable(before, _is_shared, self.failing, _LEFT_OUT)
        super().__init__(moving, {"coordination": table})
        self.data = _Data()
        moving.move(_DUE)

    def _consent(self, table: InMemoryTable) -> None:
        exact = self.exact
        app = {"client_id": exact.client_id, "client_secret": exact.client_secret}
        self.secrets.store(EXACT_APP, FIRM, app)
        given = exact.issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        pairs = TokenPairs(FIRM, self.secrets, table)
        pairs.store(Tokens(*pair, clock.now(), number=pairs.next_number(of_new_consent=True)))

    def failing(self, text: str, make: Callable[[], Any]) -> Ways:
        """Return how a call to a store may end."""

        def refuse() -> None:
            raise ClientError(_REFUSED, "AnyOperation")  # type: ignore[arg-type]

        def lose() -> None:
            make()
            refuse()

        ways: dict[str, Callable[[], Any]] = {DONE: make, "the store fails": refuse}
        return ways if text.startswith("read") else ways | {"stored, the answer is lost": lose}

    # ------------------------------------------------------------ choices

    def starts(self) -> Iterable[Choice]:
        """Yield a refresher and the reader, as often as each runs before time passes."""
        free = [name for name in _REFRESHERS if self._may_start(name)]
        for name in (*free[:1], *([_READER] if self._may_start(_READER) else ())):
            yield Choice(f"{name} starts", partial(self.start, name, self._work(name)))
        if self.late:
            yield Choice("Exact commits it now", self._commit)

    def _may_start(self, name: str) -> bool:
        return name not in self.running and self.data.started[name] < self._round()

    def _round(self) -> int:
        return int((self.clock() - _MORNING - _DUE) // _LATER) + 1

    def rest(self) -> Iterable[Choice]:
        """Yield the time until the pair is due again, once."""
        if self._round() < self._rounds:
            yield Choice(f"{_LATER} s pass", lambda: self.pass_time(_LATER))

    def pass_time(self, seconds: float) -> None:
        """Exact commits within the minute what its caller has given up."""
        while self.late:
            self._commit()
        super().pass_time(seconds)

    def _commit(self) -> None:
        self.transport.carry(self.late.pop())

    def _work(self, name: str) -> Callable[[], object]:
        return self._read if name == _READER else lambda: self._client().current_user()

    def _read(self) -> None:
        """Use the stored pair as it is, while it is valid; Exact has to accept it."""
        pair = TokenPairs(FIRM, self.secrets, self.tables["coordination"]).read()
        if pair is None:
            raise RuntimeError("no pair is stored")
        if pair.is_valid:
            self.transport.use(pair)

    def _client(self) -> ExactClient:
        http = http_clients.client(self.transport)
        return open_exact_client(
            _CONNECTION.id, _CONNECTION.sites[0], http, self.secrets, self.tables["coordination"]
        )

    def finished(self, actor: Actor) -> None:
        """Take note of a death, and of a failure that is no fault."""
        self.data.losses += actor.is_dead
        if actor.failure and not isinstance(actor.failure, Fault | ClientError):
            self.data.broken = f"{actor.place.name} fails: {actor.failure!r}"

    # ------------------------------------------------------------ state and invariants

    def contents(self) -> Iterable[str]:
        """Yield what is stored, what Exact holds, and what is still to come."""
        yield from self.tables["coordination"].contents()
        home = self.secrets._tokens.get(FIRM)
        chain = self.exact.oauth._chains[-1]
        yield f"{home and home.reveal()} {chain.refresh} {chain.issued_at} {len(self.late)}"
        data = self.data
        yield f"{sorted(data.started.items())} {data.losses} {data.spent_sent}"
        yield f"{self._round()}"

    def violation(self, *, at_end: bool) -> str:
        """Return what is wrong: two at once, a token sent twice or not stored; at the end, lost."""
        self.note_stored()
        asking = [a for a in self.running.values() if a.place.next_call == _RENEW]
        if len(asking) > 1:
            return "two refreshers ask Exact at once"
        if self.data.spent_sent > self.data.losses:
            return "a used refresh token was sent again"
        return self.data.broken or (self._lost() if at_end else "")

    def note_stored(self) -> None:
        """Take note of the pairs that either store holds now."""
        self.data.stored |= {pair.access_token.reveal() for pair in self._stored()}

    def _stored(self) -> Iterable[Tokens]:
        item = self.tables["coordination"]._raw(f"{FIRM}#tokens", "pair")
        home = self.secrets._tokens.get(FIRM)
        texts = [self.secrets.open_copy(FIRM, str(item["sealed"]))] if item else []
        return map(Tokens.from_json, [*texts, *([home] if home else [])])

    def _lost(self) -> str:
        """Return what keeps a new process from calling Exact; after a loss it asks for consent."""
        found = ""
        for _ in range(_TRIES):
            self.pass_time(_AN_HOUR)
            try:
                self._client().current_user()
            except Halt as halt:
                is_told = halt.problem.code == "RECONNECT_NEEDED"
                return "" if self.data.losses and is_told else f"the pair is lost: {halt}"
            except Fault as fault:
                found = f"nobody can call Exact any more: {fault}"
            else:
                return self.violation(at_end=False)
        return found

    def outside(self) -> _Outside:
        """Return Exact's consents and the secrets."""
        oauth = self.exact.oauth
        consents = {name: value for name, value in vars(oauth).items() if name != "_world"}
        secrets, late = dict(self.secrets._tokens), tuple(self.late)
        return _Outside(pickle.dumps(consents), self.exact.world.rng.getstate(), secrets, late)

    def restore_outside(self, held: _Outside) -> None:
        """Hold these consents and secrets; no call was made of late."""
        vars(self.exact.oauth).update(pickle.loads(held.consents))
        self.exact.world.rng.setstate(held.chance)
        self.exact.limits, self.exact.errors = RateLimits(), ErrorLimit()
        self.exact.calls.clear()
        self.secrets._tokens = dict(held.secrets)
        self.late[:] = held.late


_REFUSED = {"Error": {"Code": "InternalServerError", "Message": "injected"}}


def _is_shared(pk: str, _: str) -> bool:
    return pk in {f"{FIRM}#tokens", f"{FIRM}#leases"}


class ExploredSecretStore(InMemorySecretStore):
    """A secret store whose calls about tokens are noticed."""

    def __init__(self, world: TokenWorld) -> None:
        """Fail as the world says."""
        super().__init__()
        self._world = world

    def tokens(self, connection: ConnectionId) -> Secret | None:
        """See `SecretStore.tokens`."""
        text = "read Secrets Manager"
        ways = self._world.failing(text, lambda: self._tokens.get(connection))
        found: Secret | None = call(text, ways, is_noticed=True)
        return found

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        """See `SecretStore.seal_tokens`."""
        text = "write Secrets Manager"
        ways = self._world.failing(text, lambda: self._tokens.update({connection: tokens}))
        call(text, ways, is_noticed=True)


class ExploredTransport(httpx.BaseTransport):
    """A network on which Exact's answer to a renewal may be lost, or its commit be late."""

    def __init__(self, world: TokenWorld) -> None:
        """Carry calls to the world's Exact."""
        self._world = world
        self._exact = world.exact.transport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Notice every call."""
        if "oauth2" in request.url.path:
            text, ways = _RENEW, self._renewals(request)
        else:
            text, ways = "call Exact", {DONE: lambda: self._called(request)}
        status, content = call(text, ways, is_noticed=True)
        return httpx.Response(status, content=content, request=request)

    def carry(self, request: httpx.Request) -> tuple[int, bytes]:
        """Carry a request to Exact; return status and body of its answer."""
        answer = self._exact.handle_request(request)
        return answer.status_code, answer.read()

    def use(self, pair: Tokens) -> None:
        """Call Exact with a pair, which has to be accepted while it is valid."""
        authorization = f"Bearer {pair.access_token.reveal()}"
        headers = {"Authorization": authorization, "Accept": "application/json"}
        request = httpx.Request("GET", "https://exact.test/api/v1/current/Me", headers=headers)
        if self.handle_request(request).status_code == 401 and pair.is_valid:
            raise RuntimeError("Exact refuses the stored pair")

    def _called(self, request: httpx.Request) -> tuple[int, bytes]:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self._world.note_stored()
        if token not in self._world.data.stored:
            self._world.data.broken = "a token is used before it is stored"
        return self.carry(request)

    def _renewals(self, request: httpx.Request) -> Ways:
        world = self._world

        def send() -> tuple[int, bytes]:
            world.data.spent_sent += self._is_spent(request, world.exact.oauth)
            return self.carry(request)

        def lose() -> None:
            send()
            world.data.losses += 1
            raise httpx.ReadTimeout("lost", request=request)

        def commit_late() -> None:
            world.data.losses += 1
            world.late.append(request)
            raise httpx.ReadTimeout("late", request=request)

        return {
            DONE: send,
            "Exact answers 503": lambda: (503, b""),
            "the answer is lost": lose,
            "Exact will commit it late": commit_late,
        }

    def _is_spent(self, request: httpx.Request, oauth: OAuth) -> bool:
        token = parse_qs(request.read().decode())["refresh_token"][0]
        return any(token in chain.spent for chain in oauth._chains)
