"""The fakes of the in-memory environment are judged by the roles of the template too."""

from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from local.in_memory.environment import InMemoryEnvironment
from local.in_memory.rights import acting_as, refusals, rights
from local.in_memory.stack import InMemoryStack
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Delete
from ml_connector.secret import Secret

WEBHOOK, POSTING = "AirbaseWebhookFunction", "PoPostingFunction"
FIRM = ConnectionId("firm")
Use = Callable[[InMemoryStack], object]


@pytest.fixture
def memory(env: InMemoryEnvironment) -> Iterator[InMemoryStack]:
    yield env.memory
    refusals()


@pytest.mark.parametrize(
    ("function", "use", "action"),
    [
        (WEBHOOK, lambda m: m.tables.ledger.get("firm", "x"), "dynamodb:GetItem"),
        (WEBHOOK, lambda m: m.tables.inbox.delete("firm", "x"), "dynamodb:DeleteItem"),
        (WEBHOOK, lambda m: m.secret_store.airbase_key(FIRM), "secretsmanager:GetSecretValue"),
        (POSTING, lambda m: list(m.tables.audit.query("firm")), "dynamodb:Query"),
        (POSTING, lambda m: m.tables.ledger.delete_all("firm", ["x"]), "dynamodb:BatchWriteItem"),
        (
            POSTING,
            lambda m: m.tables.audit.transact([Delete(m.tables.audit, "firm", "x")]),
            "dynamodb:DeleteItem",
        ),
        (
            "TokenRefreshFunction",
            lambda m: list(m.tables.inbox.query_index("open", "firm", "~")),
            "dynamodb:Query",
        ),
        ("ExactConsentFunction", lambda m: m.secret_store.tokens(FIRM), "GetSecretValue"),
    ],
)
def test_refused(memory: InMemoryStack, function: str, use: Use, action: str) -> None:
    with acting_as(function), pytest.raises(ClientError, match=action):
        use(memory)
    assert [refusal.question.action.endswith(action) for refusal in refusals()] == [True]


@pytest.mark.parametrize(
    ("function", "use"),
    [
        (POSTING, lambda m: m.tables.ledger.delete_all("firm#news", ["x"])),
        (POSTING, lambda m: list(m.tables.ledger.query_index("due", "firm", "~"))),
        ("ExactConsentFunction", lambda m: m.secret_store.seal_tokens(FIRM, Secret("x"))),
        (WEBHOOK, lambda m: m.tables.inbox.get("firm", "x")),
    ],
)
def test_allowed(memory: InMemoryStack, function: str, use: Use) -> None:
    with acting_as(function):
        use(memory)
    assert not refusals()


def test_a_worker_is_judged_as_its_function(at_rest: InMemoryEnvironment) -> None:
    at_rest.post(at_rest.order())
    roles = {asked.principal.name for asked in rights().allowed.values()}
    assert roles >= {"PoPostingRole", "VendorReconciliationRole"}


def test_people_and_tests_are_not_judged(memory: InMemoryStack) -> None:
    memory.tables.audit.delete("firm", "x")
    assert not refusals()
