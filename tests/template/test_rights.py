"""Least privilege in the deployed policies."""

from typing import Any

import pytest

from tests.template.deployed import (
    CONSENT,
    CONSOLE,
    FUNCTIONS,
    WEBHOOKS,
    WORKERS,
    Statement,
    actions_on,
    documents,
    properties,
    resources,
    rights,
    secrets_of,
    statements,
)

TABLES = {
    "InboxTable",
    "LedgerTable",
    "AuditTable",
    "MappingsTable",
    "ReferenceTable",
    "CoordinationTable",
}
OWN_SECRETS = {
    "AirbaseWebhookFunction": {"airbase-webhook"},
    "ExactWebhookFunction": {"exact-webhook"},
    "PoPostingFunction": {"airbase-key", "exact-app", "exact-tokens", "notify-slack"},
    "VendorReconciliationFunction": {"airbase-key", "exact-app", "exact-tokens"},
    "TokenRefreshFunction": {"exact-app", "exact-tokens"},
    CONSENT: {"exact-app"},
    CONSOLE: {"console-client"},
}
UPDATE = "dynamodb:UpdateItem"
STORED_SECRETS = {function: own & {"exact-tokens"} for function, own in OWN_SECRETS.items()} | {
    CONSENT: {"exact-tokens"}
}


def every_statement() -> list[Statement]:
    return [statement for document in documents() for statement in statements(document)]


def only(action: str, keys: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the actions and the condition of a statement for the items with such keys alone."""
    condition = {
        "Null": {"dynamodb:LeadingKeys": "false"},
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
    }
    return (action,), condition


def test_no_right_spans_every_resource() -> None:
    for statement in every_statement():
        assert "*" not in statement.resources, statement


def test_no_action_is_a_wildcard_and_no_statement_denies() -> None:
    for statement in every_statement():
        assert statement.effect == "Allow"
        assert not any("*" in action for action in statement.actions), statement


def test_no_aws_managed_policy_is_attached() -> None:
    for name, role in resources("AWS::IAM::Role").items():
        for policy in role.get("ManagedPolicyArns", []):
            assert isinstance(policy, dict), f"{name} has {policy}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_its_own_role(function: str) -> None:
    role = properties(function)["Role"]
    assert [f for f in FUNCTIONS if properties(f)["Role"] == role] == [function]


@pytest.mark.parametrize("function", WEBHOOKS)
def test_a_webhook_writes_the_inbox_takes_a_place_and_reaches_no_other_table(
    function: str,
) -> None:
    assert actions_on(function, "InboxTable") <= {"dynamodb:GetItem", "dynamodb:PutItem"}
    places = [s for s in rights(function) if s.reaches("CoordinationTable")]
    assert [(s.actions, s.condition) for s in places] == [only(UPDATE, "*#places")]
    for table in TABLES - {"InboxTable", "CoordinationTable"}:
        assert actions_on(function, table) == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_reads_its_own_kinds_of_secrets(function: str) -> None:
    assert secrets_of(function) == OWN_SECRETS[function]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_new_tokens_are_the_only_secrets_stored(function: str) -> None:
    stored = secrets_of(function, "secretsmanager:PutSecretValue")
    assert stored == STORED_SECRETS[function]
    others = {a for s in rights(function) for a in s.actions if a.startswith("secretsmanager:")}
    assert others <= {"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_secret_is_decrypted_only_where_it_may_be_used(
    function: str,
) -> None:
    contexts = [
        str(s.condition["StringLike"]["kms:EncryptionContext:SecretARN"])
        for s in rights(function)
        if "kms:EncryptionContext:SecretARN" in s.condition.get("StringLike", {})
    ]
    own = OWN_SECRETS[function] | STORED_SECRETS[function]
    for kind in set().union(*OWN_SECRETS.values()):
        assert any(f"/{kind}/*" in text for text in contexts) == (kind in own)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_key_is_used_through_a_service_or_for_one_connection(function: str) -> None:
    for statement in rights(function):
        if any(action.startswith("kms:") for action in statement.actions):
            assert _is_bound(statement.condition), statement


def _is_bound(condition: dict[str, Any]) -> bool:
    through = "kms:ViaService" in condition.get("StringEquals", {})
    sealed = condition.get("ForAllValues:StringEquals") == {
        "kms:EncryptionContextKeys": ["connection"]
    } and condition.get("Null") == {"kms:EncryptionContext:connection": "false"}
    return through or sealed


def test_of_the_ledger_only_notifications_are_removed_and_only_counters_updated() -> None:
    removing = {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem", UPDATE}
    found = [s for s in every_statement() if s.reaches("LedgerTable") and removing & {*s.actions}]
    allowed = [only(UPDATE, "*#through"), only("dynamodb:BatchWriteItem", "*#news")]
    assert [each for each in allowed if each not in [(s.actions, s.condition) for s in found]] == []
    assert [s for s in found if (s.actions, s.condition) not in allowed] == []


def test_only_the_posting_worker_notifies_and_only_on_its_topics() -> None:
    for function in FUNCTIONS:
        topics = {name for name in resources("AWS::SNS::Topic") if actions_on(function, name)}
        own = {"NotificationTopic", "AlarmTopic"} if function == "PoPostingFunction" else set()
        assert topics == own


@pytest.mark.parametrize("function", WEBHOOKS)
def test_a_webhook_cannot_unseal_a_token(function: str) -> None:
    for statement in rights(function):
        assert "ForAllValues:StringEquals" not in statement.condition


def test_the_public_consent_route_can_seal_but_not_unseal_tokens() -> None:
    sealing = [s for s in rights(CONSENT) if "ForAllValues:StringEquals" in s.condition]
    assert [statement.actions for statement in sealing] == [("kms:GenerateDataKey",)]
    assert "exact-tokens" not in secrets_of(CONSENT)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_whoever_stores_tokens_can_store_their_copy_and_no_webhook_can_read_it(
    function: str,
) -> None:
    needed = {"dynamodb:GetItem", "dynamodb:PutItem"}
    reached = actions_on(function, "CoordinationTable")
    may = {UPDATE} if function in WEBHOOKS else set()
    assert needed <= reached if STORED_SECRETS[function] else reached == may


def test_the_consent_route_reaches_three_tables_and_queries_none() -> None:
    get_put = {"dynamodb:GetItem", "dynamodb:PutItem"}
    reached = {table: actions_on(CONSENT, table) for table in TABLES}
    assert reached == {table: set() for table in TABLES} | {
        "CoordinationTable": get_put | {"dynamodb:DeleteItem"},
        "LedgerTable": get_put,
        "AuditTable": {"dynamodb:PutItem"},
    }


def test_the_audit_trail_is_append_only_for_every_role() -> None:
    for statement in every_statement():
        if statement.reaches("AuditTable"):
            allowed = {"dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan"}
            assert set(statement.actions) <= allowed


def test_the_console_writes_sessions_and_nothing_else() -> None:
    reading = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
    reached = {table: actions_on(CONSOLE, table) for table in TABLES}
    assert all(actions <= reading for actions in reached.values())
    assert {table for table, actions in reached.items() if actions} == {
        "LedgerTable",
        "AuditTable",
        "MappingsTable",
        "ReferenceTable",
    }
    queries = [
        s.condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for s in rights(CONSOLE)
        if s.reaches("LedgerTable") and "dynamodb:Query" in s.actions and s.condition
    ]
    assert queries == [["*#groups", "*#group#*", "*#through", "*#names"]], "it lists no records"


def test_the_console_can_neither_seal_nor_unseal_a_token() -> None:
    for statement in rights(CONSOLE):
        assert "ForAllValues:StringEquals" not in statement.condition


def test_workers_and_token_refresh_can_append_to_the_audit_trail() -> None:
    for function in (*WORKERS, "TokenRefreshFunction"):
        assert "dynamodb:PutItem" in actions_on(function, "AuditTable")


@pytest.mark.parametrize(
    ("function", "queue"),
    [("PoPostingFunction", "PurchaseOrderQueue"), ("VendorReconciliationFunction", "VendorQueue")],
)
def test_a_worker_receives_only_from_its_own_queue(function: str, queue: str) -> None:
    for name in resources("AWS::SQS::Queue"):
        assert ("sqs:ReceiveMessage" in actions_on(function, name)) == (name == queue)


@pytest.mark.parametrize(
    ("function", "queues"),
    [
        ("AirbaseWebhookFunction", {"PurchaseOrderQueue", "VendorQueue"}),
        ("ExactWebhookFunction", {"PurchaseOrderQueue", "VendorQueue"}),
        ("TokenRefreshFunction", set()),
        (CONSENT, set()),
        (CONSOLE, {"PurchaseOrderQueue"}),
    ],
)
def test_who_may_queue_work(function: str, queues: set[str]) -> None:
    for name in resources("AWS::SQS::Queue"):
        assert actions_on(function, name) == ({"sqs:SendMessage"} if name in queues else set())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_gets_the_names_of_what_it_may_use(function: str) -> None:
    variables = properties(function)["Environment"]["Variables"]
    for name in (*TABLES, "PurchaseOrderQueue", "VendorQueue"):
        given = any(value == {"Ref": name} for value in variables.values())
        assert given == bool(actions_on(function, name)), name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_writes_only_to_its_own_log_group(function: str) -> None:
    group = properties(function)["LoggingConfig"]["LogGroup"]["Ref"]
    assert actions_on(function, group) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    for other in resources("AWS::Logs::LogGroup"):
        assert other == group or actions_on(function, other) == set()
