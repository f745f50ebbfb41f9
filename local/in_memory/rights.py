"""Rights in memory: what a worker uses is judged as its function's role would be on AWS.

The fakes name table, index and leading keys; the decider is that of the local stack. What runs
outside a worker (tests, people's requests) is not judged.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from botocore.exceptions import ClientError

from local.rights.calls import Need
from local.rights.decider import Refusal
from local.rights.intrinsics import Place, Resolver
from local.rights.policies import Principal
from local.rights.stack_policies import StackPolicies
from local.rights.stack_rights import StackRights
from local.sam_template import ACCOUNT, REGION, SamTemplate

STACK = "connector"
_acting: ContextVar[Principal | None] = ContextVar("acting", default=None)
_settled: set[tuple[Principal, str, str, str]] = set()
"""What a principal may do whatever the context: judged once."""


@cache
def rights() -> StackRights:
    """Return the rights of template.yaml, deployed nowhere."""
    template = SamTemplate().cloudformation
    resolver = Resolver(template, STACK, Place(ACCOUNT, REGION), _physical_name)
    return StackRights(StackPolicies(template, resolver))


def refusals() -> deque[Refusal]:
    """Return what was refused since the last look, and forget it."""
    found = deque(rights().refusals) if rights.cache_info().currsize else deque[Refusal]()
    if found:
        rights().refusals.clear()
    return found


@contextmanager
def acting_as(function: str) -> Iterator[None]:
    """Judge what happens inside as done by this function (logical id)."""
    before = _acting.set(_session(function))
    try:
        yield
    finally:
        _acting.reset(before)


def acting() -> str:
    """Return the role as which code runs now, by its logical id; empty outside a function."""
    principal = _acting.get()
    return principal.name if principal else ""


def table_used(action: str, table: str, *leading: str, index: str = "") -> None:
    """Judge an action on a table of this name; raises AWS's `ClientError` when it is refused."""
    principal = _acting.get()
    if principal is None or (principal, action, table, index) in _settled:
        return
    needs = list(rights().calls.table(action, table, leading, index))
    _judge(principal, needs)
    if not rights().is_conditional(principal, needs[0]):
        _settled.add((principal, action, table, index))


def queue_used(queue: str) -> None:
    """Judge the sending to a queue, by the connector's name of it ("purchase_orders")."""
    principal = _acting.get()
    if principal is not None:
        name = f"{STACK}-{queue.replace('_', '-')}.fifo"
        _judge(principal, list(rights().calls.queue("SendMessage", name)))


def secret_used(action: str, kind: str, connection: str) -> None:
    """Judge an action on a connection's secret."""
    principal = _acting.get()
    if principal is not None:
        name = f"{STACK}/{kind}/{connection}"
        _judge(principal, list(rights().calls.secret(action, name)))


def key_used(action: str, connection: str) -> None:
    """Judge the sealing (GenerateDataKey) or opening (Decrypt) of a connection's tokens."""
    principal = _acting.get()
    if principal is not None:
        needs = rights().calls.key(action, _physical_name("StackKey"), {"connection": connection})
        _judge(principal, list(needs))


def _judge(principal: Principal, needs: list[Need]) -> None:
    if refusal := rights().first_refusal(principal, needs):
        answer = {"Error": {"Code": "AccessDeniedException", "Message": str(refusal)}}
        raise ClientError(answer, refusal.question.action)  # type: ignore[arg-type]


@cache
def _session(function: str) -> Principal:
    role = rights().policies.role_of(function)
    if role is None:
        raise KeyError(function)
    return rights().policies.role_session(role, function)


def _physical_name(logical_id: str) -> str:
    """Return a name as this folder's fakes use it: "ledger" for the ledger's table."""
    names = {"PurchaseOrderQueue": "purchase-orders.fifo", "VendorQueue": "vendors.fifo"}
    if logical_id in names:
        return f"{STACK}-{names[logical_id]}"
    return logical_id.removesuffix("Table").lower() if logical_id.endswith("Table") else logical_id
