"""Unexpected answers of Exact, stores with AWS's limits, and what tests check after them.

A worker's crash is recorded and not raised, as in Lambda: a test then sees what a person sees,
an order without an exception.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts
from local.simulator import Handler, HandlerTransport, Request, Response
from ml_connector import clock
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import division_at
from ml_connector.domain.records import ConnectionFacts
from ml_connector.infrastructure.queues import Message
from ml_connector.services import StackServices
from tests.site import SITE

ORDERS = "purchaseorder/PurchaseOrders"
VERSIONS_A_DAY = 100
_DAY = 86_400


# ---------------------------------------------------------------- Exact


def refusal(status: int, text: str) -> Response:
    """Return a refusal as Exact writes it: no code, and a text for people."""
    message = {"code": "", "message": {"lang": "", "value": text}}
    return Response.of_json(status, {"error": message})


def page(status: int, title: str) -> Response:
    """Return an HTML page."""
    body = f"<html><head><title>{title}</title></head><body>{title}</body></html>"
    return Response(status, {"content-type": "text/html"}, body.encode())


def answer_by(env: InMemoryEnvironment, answer: Callable[[Request], Response | None]) -> None:
    """Answer for Exact by `answer`, or by the simulator where it returns None."""
    _replace_exact(env, lambda request: answer(request) or env.exact.handle(request))


def alter(env: InMemoryEnvironment, change: Callable[[Request, Any], None]) -> None:
    """Alter the simulator's JSON answers by `change`."""

    def handle(request: Request) -> Response:
        given = env.exact.handle(request)
        try:
            value = json.loads(given.body)
        except ValueError:
            return given
        change(request, value)
        return Response(given.status, given.headers, json.dumps(value).encode())

    _replace_exact(env, handle)


def _replace_exact(env: InMemoryEnvironment, handle: Handler) -> None:
    airbase = env.airbase.transport()
    routes = {"exact.test": HandlerTransport(handle), "airbase.test": airbase}
    env.memory.transport = Hosts(routes)
    env.services = env.memory.services()


def asks_for(request: Request, path: str, division: int | None = None) -> bool:
    """Return whether a call is about this path, in this division when one is named."""
    asked = unquote(request.path)
    return path in asked and (division is None or f"/{division}/" in asked)


def rows_in(value: Any) -> list[dict[str, Any]]:
    """Return every object in a JSON value, at any depth."""
    if isinstance(value, list):
        return [row for each in value for row in rows_in(each)]
    if isinstance(value, dict):
        return [value, *(row for each in value.values() for row in rows_in(each))]
    return []


@dataclass
class Refuser:
    """Refuses every write of one purchase order with the same answer, and records when."""

    env: InMemoryEnvironment
    response: Response
    number: str = "PO-1"
    times: list[float] = field(default_factory=list)
    is_on: bool = True

    def __post_init__(self) -> None:
        answer_by(self.env, self._answer)

    def _answer(self, request: Request) -> Response | None:
        if not (self.is_on and self._is_affected(request)):
            return None
        self.times.append(self.env.clock())
        return self.response

    def _is_affected(self, request: Request) -> bool:
        if request.method == "GET" or not asks_for(request, "/purchaseorder/"):
            return False
        is_new = request.method == "POST" and unquote(request.path).endswith(ORDERS)
        return not is_new or f'"{self.number}"'.encode() in request.body


def enter_by_hand(env: InMemoryEnvironment, division: int, amount: float, your_ref: str) -> None:
    """Enter an order for Cloudwerk in Exact, as a person does."""
    supplier = find_row(env, division, "crm/Accounts", "Name", "Cloudwerk")
    item = find_row(env, division, "logistics/Items", "Code", "COST-4100")
    line = {"Item": item["ID"], "QuantityInPurchaseUnits": 3, "UnitPrice": amount / 3}
    body = {"Supplier": supplier["ID"], "YourRef": your_ref, "PurchaseOrderLines": [line]}
    env.services_of().exact(division_at(SITE, division)).create(
        division_at(SITE, division), ORDERS, body
    )


def find_row(
    env: InMemoryEnvironment, division: int, endpoint: str, name: str, value: str
) -> dict[str, Any]:
    """Return the row of Exact with this value in this field, ignoring padding."""
    rows = env.exact.world.divisions[division].table(endpoint).values()
    return next(row for row in rows if str(row[name]).strip() == value)


# ---------------------------------------------------------------- what a person sees


def record_crashes(env: InMemoryEnvironment, *kinds: type[Exception]) -> list[str]:
    """Record a worker's crashes of these kinds, as its message ends; raise any other."""
    crashes: list[str] = []
    work = env.memory.work

    def recording(message: Message, services: StackServices) -> None:
        try:
            work(message, services)
        except kinds as error:
            crashes.append(f"{message.body.get('kind')}: {type(error).__name__}: {error}"[:200])

    env.memory.work = recording  # type: ignore[method-assign]
    return crashes


def exceptions(env: InMemoryEnvironment) -> list[Problem]:
    """Return every open exception and halt of the connection."""
    found: list[Problem] = []
    for record in env.services.ledger_of(FIRM).records():
        found += [
            *record.problems,
            *(record.facts.halts.values() if isinstance(record.facts, ConnectionFacts) else ()),
        ]
    return found


def full_text(problem: Problem) -> str:
    """Return an exception with all its fields as one text."""
    return json.dumps(problem.as_dict(), ensure_ascii=False, default=str)


# ---------------------------------------------------------------- AWS


def _refused(code: str, text: str, operation: str) -> ClientError:
    """Return the error that botocore raises for a refusal."""
    return ClientError({"Error": {"Code": code, "Message": text}}, operation)


class _Missing(Exception):
    """Raised for an unknown secret."""


class _Kinds:
    ResourceNotFoundException = _Missing


class SecretsManager:
    """Secrets Manager as `AwsSecretStore` uses it: a secret takes 100 versions a day."""

    exceptions = _Kinds

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.written: defaultdict[str, list[float]] = defaultdict(list)

    def get_secret_value(self, **request: str) -> dict[str, str]:
        if request["SecretId"] not in self.values:
            raise _Missing
        return {"SecretString": self.values[request["SecretId"]]}

    def put_secret_value(self, **request: str) -> None:
        name = request["SecretId"]
        if name not in self.values:
            raise _Missing
        self._write(name, request["SecretString"], "PutSecretValue")

    def create_secret(self, **request: str) -> None:
        self._write(request["Name"], request["SecretString"], "CreateSecret")

    def delete_secret(self, **request: Any) -> None:
        self.values.pop(str(request["SecretId"]), None)

    def _write(self, name: str, value: str, operation: str) -> None:
        now = clock.epoch()
        recent = [at for at in self.written[name] if now - at < _DAY]
        if len(recent) >= VERSIONS_A_DAY:
            text = "You can't add more versions to this secret."
            raise _refused("LimitExceededException", text, operation)
        self.written[name] = [*recent, now]
        self.values[name] = value


class KeyService:
    """KMS with one data key, unencrypted."""

    _KEY = b"a data key of thirty-two bytes.."

    def generate_data_key(self, **_: Any) -> dict[str, bytes]:
        return {"CiphertextBlob": self._KEY, "Plaintext": self._KEY}

    def decrypt(self, **_: Any) -> dict[str, bytes]:
        return {"Plaintext": self._KEY}
