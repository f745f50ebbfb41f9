"""Answers of Exact that nobody foresaw, stores that refuse what AWS refuses, and their witnesses.

A worker's crash is noted and not raised, as the queue would take it: what a test then sees is
what a person would, an order without an exception.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from local.memory import MemoryTable
from local.miniature import Hosts
from local.office import FIRM, Office
from local.simulation import Handler, HandlerTransport, Request, Response
from ml_connector import clock
from ml_connector.doors.queues import Message
from ml_connector.doors.table import Item, Replace, Write
from ml_connector.ids import Division
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.wiring import Tables

ORDERS = "purchaseorder/PurchaseOrders"
LARGEST_ITEM = 400 * 1024
VERSIONS_A_DAY = 100
_DAY = 86_400

Problem = Mapping[str, Any]


# ---------------------------------------------------------------- Exact


def refusal(status: int, text: str) -> Response:
    """Return a refusal as Exact writes it: no code, and a text for people."""
    message = {"code": "", "message": {"lang": "", "value": text}}
    return Response.of_json(status, {"error": message})


def page(status: int, title: str) -> Response:
    """Return a page made for browsers."""
    body = f"<html><head><title>{title}</title></head><body>{title}</body></html>"
    return Response(status, {"content-type": "text/html"}, body.encode())


def answer_by(office: Office, answer: Callable[[Request], Response | None]) -> None:
    """Let `answer` speak for Exact; where it has nothing to say the simulator answers."""
    _speak_for_exact(office, lambda request: answer(request) or office.exact.handle(request))


def alter(office: Office, change: Callable[[Request, Any], None]) -> None:
    """Let `change` alter the JSON that the simulator answers."""

    def handle(request: Request) -> Response:
        given = office.exact.handle(request)
        try:
            value = json.loads(given.body)
        except ValueError:
            return given
        change(request, value)
        return Response(given.status, given.headers, json.dumps(value).encode())

    _speak_for_exact(office, handle)


def _speak_for_exact(office: Office, handle: Handler) -> None:
    airbase = office.airbase.transport()
    routes = {"exact.test": HandlerTransport(handle), "airbase.test": airbase}
    office.mini.transport = Hosts(routes)
    office.doors = office.mini.doors()


def asks_for(request: Request, path: str, division: int | None = None) -> bool:
    """Return whether a call is about this path, in this division when one is named."""
    asked = unquote(request.path)
    return path in asked and (division is None or f"/{division}/" in asked)


def rows_in(value: Any) -> list[dict[str, Any]]:
    """Return every object in a JSON value, however deep."""
    if isinstance(value, list):
        return [row for each in value for row in rows_in(each)]
    if isinstance(value, dict):
        return [value, *(row for each in value.values() for row in rows_in(each))]
    return []


@dataclass
class Refuser:
    """Refuses every write of one purchase order with the same answer, and counts them."""

    office: Office
    response: Response
    number: str = "PO-1"
    times: list[float] = field(default_factory=list)
    is_on: bool = True

    def __post_init__(self) -> None:
        answer_by(self.office, self._answer)

    def _answer(self, request: Request) -> Response | None:
        if not (self.is_on and self._is_meant(request)):
            return None
        self.times.append(self.office.clock())
        return self.response

    def _is_meant(self, request: Request) -> bool:
        if request.method == "GET" or not asks_for(request, "/purchaseorder/"):
            return False
        is_new = request.method == "POST" and unquote(request.path).endswith(ORDERS)
        return not is_new or f'"{self.number}"'.encode() in request.body


def typed_in(office: Office, division: int, amount: float, your_ref: str) -> None:
    """Let somebody type an order at Cloudwerk into Exact."""
    supplier = find_row(office, division, "crm/Accounts", "Name", "Cloudwerk")
    item = find_row(office, division, "logistics/Items", "Code", "COST-4100")
    line = {"Item": item["ID"], "QuantityInPurchaseUnits": 3, "UnitPrice": amount / 3}
    body = {"Supplier": supplier["ID"], "YourRef": your_ref, "PurchaseOrderLines": [line]}
    office.doors.exact(office.connection()).create(Division(division), ORDERS, body)


def find_row(office: Office, division: int, endpoint: str, name: str, value: str) -> dict[str, Any]:
    """Return the row of Exact that has the value in this field, padding aside."""
    rows = office.exact.world.divisions[division].table(endpoint).values()
    return next(row for row in rows if str(row[name]).strip() == value)


# ---------------------------------------------------------------- what a person sees


def note_crashes(office: Office, *kinds: type[Exception]) -> list[str]:
    """Note a worker's crashes of these kinds, which end its message; anything else is raised."""
    crashes: list[str] = []
    work = office.mini.work

    def noting(message: Message, doors: Doors) -> None:
        try:
            work(message, doors)
        except kinds as error:
            crashes.append(f"{message.body.get('kind')}: {type(error).__name__}: {error}"[:200])

    office.mini.work = noting  # type: ignore[method-assign]
    return crashes


def exceptions(office: Office) -> list[Problem]:
    """Return every open exception and halt of the connection."""
    found: list[Problem] = []
    for record in office.doors.ledger.records(FIRM):
        found += [*record.problems, *record.facts.get("halts", {}).values()]
    return found


def all_words(problem: Problem) -> str:
    """Return everything that an exception says, as one text."""
    return json.dumps(dict(problem), ensure_ascii=False, default=str)


# ---------------------------------------------------------------- AWS


def _refused(code: str, text: str, operation: str) -> ClientError:
    """Return the error that botocore raises for a refusal."""
    return ClientError({"Error": {"Code": code, "Message": text}}, operation)


class LimitedTable(MemoryTable):
    """A table that takes no item over 400 KB, as DynamoDB does."""

    def put(self, item: Item) -> None:
        _refuse_large(item)
        super().put(item)

    def transact(self, writes: Sequence[Write]) -> bool:
        for write in writes:
            if item := getattr(write, "item", None):
                _refuse_large(item)
        return super().transact(writes)

    def replace(self, item: Item, expected: int) -> bool:
        return self.transact([Replace(self, item, expected)])


def limit_items(office: Office) -> None:
    """Give an office that is not connected yet tables that refuse large items."""
    office.mini.tables = Tables(*(LimitedTable(name) for name in Tables.__dataclass_fields__))
    office.doors = office.mini.doors()


def _refuse_large(item: Item) -> None:
    size = sum(len(name.encode()) + len(str(value).encode()) for name, value in item.items())
    if size > LARGEST_ITEM:
        text = "Item size has exceeded the maximum allowed size"
        raise _refused("ValidationException", text, "PutItem")


class _Missing(Exception):
    """There is no such secret."""


class _Kinds:
    ResourceNotFoundException = _Missing


class SecretsManager:
    """Secrets Manager as far as a vault uses it: a secret has room for 100 versions a day."""

    exceptions = _Kinds

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.written: defaultdict[str, list[float]] = defaultdict(list)

    def get_secret_value(self, **asked: str) -> dict[str, str]:
        if asked["SecretId"] not in self.values:
            raise _Missing
        return {"SecretString": self.values[asked["SecretId"]]}

    def put_secret_value(self, **asked: str) -> None:
        name = asked["SecretId"]
        if name not in self.values:
            raise _Missing
        self._write(name, asked["SecretString"], "PutSecretValue")

    def create_secret(self, **asked: str) -> None:
        self._write(asked["Name"], asked["SecretString"], "CreateSecret")

    def delete_secret(self, **asked: Any) -> None:
        self.values.pop(str(asked["SecretId"]), None)

    def _write(self, name: str, value: str, operation: str) -> None:
        now = clock.epoch()
        young = [at for at in self.written[name] if now - at < _DAY]
        if len(young) >= VERSIONS_A_DAY:
            text = "You can't add more versions to this secret."
            raise _refused("LimitExceededException", text, operation)
        self.written[name] = [*young, now]
        self.values[name] = value


class KeyService:
    """KMS with one data key, which it does not wrap."""

    _KEY = b"a data key of thirty-two bytes.."

    def generate_data_key(self, **_: Any) -> dict[str, bytes]:
        return {"CiphertextBlob": self._KEY, "Plaintext": self._KEY}

    def decrypt(self, **_: Any) -> dict[str, bytes]:
        return {"Plaintext": self._KEY}
