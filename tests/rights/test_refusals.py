"""A refused call gets AWS's own error, and a stack that was refused anything fails."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from local.demo.environment import DemoEnvironment
from local.rights.aws_services import NotAuthorizedError
from local.stack import LocalStack
from tests.cli.terminal import Terminal

SMALL = Path(__file__).parents[1] / "local" / "small" / "template.yaml"


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment() as running:
        running.connect()
        yield running


@pytest.fixture(autouse=True)
def stack(demo: DemoEnvironment) -> Iterator[LocalStack]:
    """The stack; what a test lets it refuse is forgotten."""
    yield demo.stack
    demo.stack.rights.refusals.clear()


Call = Callable[[LocalStack, Any], Any]
WEBHOOK = "AirbaseWebhookRole"
KEY = {"pk": {"S": "firm"}, "sk": {"S": "x"}}


@pytest.mark.parametrize(
    ("role", "service", "call", "code", "action"),
    [
        (
            WEBHOOK,
            "dynamodb",
            lambda stack, client: client.query(
                TableName=stack.resource("LedgerTable"),
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": "firm"}},
            ),
            "AccessDeniedException",
            "dynamodb:Query",
        ),
        (
            WEBHOOK,
            "sqs",
            lambda stack, client: client.receive_message(
                QueueUrl=stack.resource("PurchaseOrderQueue")
            ),
            "AccessDenied",
            "sqs:ReceiveMessage",
        ),
        (
            WEBHOOK,
            "sns",
            lambda stack, client: client.publish(
                TopicArn=stack.resource("NotificationTopic"), Message="a < b"
            ),
            "AuthorizationError",
            "sns:Publish",
        ),
        (
            WEBHOOK,
            "secretsmanager",
            lambda _, client: client.get_secret_value(SecretId="connector/exact-tokens/firm"),
            "AccessDeniedException",
            "secretsmanager:GetSecretValue",
        ),
        (
            "PoPostingRole",
            "kms",
            lambda stack, client: client.generate_data_key(
                KeyId=stack.resource("StackKey"),
                KeySpec="AES_256",
                EncryptionContext={"connection": "firm", "more": "x"},
            ),
            "AccessDeniedException",
            "kms:GenerateDataKey",
        ),
        (
            "PoPostingRole",
            "dynamodb",
            lambda stack, client: client.transact_write_items(
                TransactItems=[
                    {"Delete": {"TableName": stack.resource(f"{name}Table"), "Key": KEY}}
                    for name in ("Coordination", "Audit")
                ]
            ),
            "AccessDeniedException",
            "dynamodb:DeleteItem",
        ),
        (
            "PoPostingRole",
            "dynamodb",
            lambda stack, client: client.batch_write_item(
                RequestItems={
                    stack.resource("LedgerTable"): [
                        {"DeleteRequest": {"Key": {"pk": {"S": pk}, "sk": {"S": "x"}}}}
                        for pk in ("firm#news", "firm")
                    ]
                }
            ),
            "AccessDeniedException",
            "dynamodb:BatchWriteItem",
        ),
        (
            "reader",
            "cloudformation",
            lambda _, client: client.delete_stack(StackName="connector"),
            "AccessDenied",
            "cloudformation:DeleteStack",
        ),
        (
            "operator",
            "dynamodb",
            lambda stack, client: client.delete_table(TableName=stack.resource("AuditTable")),
            "AccessDeniedException",
            "dynamodb:DeleteTable",
        ),
    ],
)
def test_the_error_is_that_of_the_service(
    stack: LocalStack, role: str, service: str, call: Call, code: str, action: str
) -> None:
    with pytest.raises(ClientError) as raised:
        call(stack, stack.client(service, role))
    error = raised.value.response["Error"]
    assert error["Code"] == code
    assert f"is not authorized to perform: {action} on resource: " in error["Message"]
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
    assert stack.rights.refusals[-1].question.principal.name == role


def test_an_unknown_key_is_no_principal(stack: LocalStack) -> None:
    client = boto3.Session().client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=stack.endpoint_url,
        aws_access_key_id="ASIAUNKNOWN",
        aws_secret_access_key="x",
    )
    with pytest.raises(ClientError, match="security token"):
        client.list_tables()


def test_an_unsigned_call_is_refused(stack: LocalStack) -> None:
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
    assert httpx.post(stack.endpoint_url, content=b"{}", headers=headers).status_code == 403
    with pytest.raises(KeyError, match="nobody"):
        stack.client("dynamodb", "nobody")


def test_a_function_signs_with_its_own_role(stack: LocalStack) -> None:
    with pytest.raises(ClientError, match=r"assumed-role/connector-\w+"):
        stack.client("dynamodb", "ExactConsentRole").get_item(
            TableName=stack.resource("InboxTable"), Key=KEY
        )
    signed = {stack.environment(name)["AWS_ACCESS_KEY_ID"] for name in stack.functions}
    assert len(signed) == len(stack.functions)


def test_a_reader_reads_and_changes_nothing(demo: DemoEnvironment) -> None:
    signing = demo.stack.environment(person="reader")
    terminal = Terminal({"CONNECTOR_STACK": None, **signing})
    assert terminal.ok("connection", "list", "--json").data
    for words in (("refresh", "example-firm"), ("connection", "show", "example-firm")):
        assert "AWS denies" in terminal.refused(*words, code=3)


def test_a_stack_that_was_refused_anything_fails_at_its_end() -> None:
    small = LocalStack(SMALL, name="s").start()
    with pytest.raises(ClientError):
        small.client("dynamodb", "WorkerRole").get_item(
            TableName=small.resource("Table"), Key={"pk": {"S": "x"}}
        )
    with pytest.raises(NotAuthorizedError, match="not authorized to perform: dynamodb:GetItem"):
        small.__exit__(None, None, None)


def small_without(change: Callable[[dict[str, Any]], None]) -> LocalStack:
    """Return the small stack, with a change of its resources."""
    small = LocalStack(SMALL, name="s")
    change(small.template.resources)
    return small


def test_a_function_whose_role_lambda_may_not_assume_does_not_start() -> None:
    def change(resources: dict[str, Any]) -> None:
        resources["WorkerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"] = []

    with pytest.raises(NotAuthorizedError, match=r"lambda\.amazonaws\.com .*sts:AssumeRole"):
        small_without(change).__enter__()


def test_a_route_without_a_permission_answers_500() -> None:
    def change(resources: dict[str, Any]) -> None:
        permission = next(n for n, r in resources.items() if r["Type"] == "AWS::Lambda::Permission")
        del resources[permission]

    with small_without(change) as small:
        answer = httpx.post(f"{small.url}/echo/me")
        assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
        (refusal,) = small.rights.refusals
        assert "apigateway.amazonaws.com" in str(refusal)
        assert "lambda:InvokeFunction" in str(refusal)
        small.rights.refusals.clear()


def test_a_schedule_without_a_right_sends_nothing() -> None:
    def change(resources: dict[str, Any]) -> None:
        resources["MinutelyRole"]["Properties"]["Policies"] = []

    with small_without(change) as small:
        with pytest.raises(ClientError, match="sqs:SendMessage"):
            small.fire("Minutely")
        assert small.drain() == 0
        small.rights.refusals.clear()
