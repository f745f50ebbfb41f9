"""The local stack simulates what moto does not: routes, pollers, schedules, environments."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from local.message_chains import LONGEST_CHAIN
from local.sam_template import SamTemplate
from local.secret_versions import MOST_VERSIONS
from local.stack import LocalStack
from ml_connector.clock import MovableClock

SMALL = Path(__file__).parent / "small" / "template.yaml"
NOON = 1_780_315_200.0  # 2026-06-01T12:00:00Z


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack(SMALL, name="small", clock=MovableClock(NOON)) as running:
        yield running


def queue(stack: LocalStack, body: dict[str, str], group: str = "g") -> None:
    stack.client("sqs").send_message(
        QueueUrl=stack.resource("Queue"), MessageBody=json.dumps(body), MessageGroupId=group
    )


def count(stack: LocalStack, name: str) -> int:
    item = stack.client("dynamodb").get_item(
        TableName=stack.resource("Table"), Key={"pk": {"S": name}}
    )
    return int(item.get("Item", {}).get("seen", {"N": "0"})["N"])


def dead(stack: LocalStack) -> list[dict[str, Any]]:
    received = stack.client("sqs").receive_message(
        QueueUrl=stack.resource("DeadQueue"), MaxNumberOfMessages=10
    )
    return [json.loads(message["Body"]) for message in received.get("Messages", [])]


def test_a_message_that_queues_itself_again_is_cut_as_lambda_does(stack: LocalStack) -> None:
    for _ in range(2):  # who starts anew begins a new chain
        seen = count(stack, "looping")
        queue(stack, {"do": "again", "as": "looping", "start": str(seen)})
        stack.drain()
        assert count(stack, "looping") - seen == LONGEST_CHAIN
    assert {each["times"] for each in dead(stack)} == {LONGEST_CHAIN}


def echo(stack: LocalStack, content: bytes, content_type: str | None) -> dict[str, Any]:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = httpx.post(f"{stack.url}/echo/a%20b?x=1&x=2", content=content, headers=headers)
    assert answer.status_code == 201
    event: dict[str, Any] = answer.json()["event"]
    return event


def test_a_route_calls_its_function_with_a_proxy_event(stack: LocalStack) -> None:
    event = echo(stack, b'{"n": 1}', "application/json; charset=utf-8")
    assert event["routeKey"] == "POST /echo/{name}"
    assert event["pathParameters"] == {"name": "a b"}
    assert event["queryStringParameters"] == {"x": "1,2"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)
    assert event["headers"]["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "application/x-json"])
def test_a_body_without_a_text_type_arrives_in_base64(
    stack: LocalStack, content_type: str | None
) -> None:
    event = echo(stack, b'{"n": 1}', content_type)
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b'{"n": 1}'


def test_an_answer_has_status_headers_and_body(stack: LocalStack) -> None:
    answer = httpx.post(f"{stack.url}/echo/me", content=b"")
    assert answer.headers["x-name"] == "me"
    assert "body" not in answer.json()["event"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/echo/me"), ("POST", "/echo"), ("POST", "/echo/a/b")]
)
def test_other_routes_are_not_found(stack: LocalStack, method: str, path: str) -> None:
    answer = httpx.request(method, stack.url + path)
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_a_crash_is_500_without_detail_and_is_recorded(stack: LocalStack) -> None:
    answer = httpx.post(f"{stack.url}/echo/crash")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert stack.crashes[-1].function == "Echo"


def test_a_function_is_imported_with_only_its_own_variables(stack: LocalStack) -> None:
    answer = httpx.post(f"{stack.url}/echo/me").json()
    assert (answer["greeting"], answer["sees_table"]) == ("hello", False)
    assert stack.environment("Worker")["TABLE"] == stack.resource("Table")
    assert stack.environment()["AWS_ENDPOINT_URL"] == stack.endpoint_url


def test_messages_reach_the_worker_and_are_removed(stack: LocalStack) -> None:
    for number in range(7):
        queue(stack, {"do": "note", "as": f"m{number}"})
    assert stack.drain() == 7
    assert [count(stack, f"m{number}") for number in range(7)] == [1] * 7
    assert stack.drain() == 0


def test_only_a_reported_failure_is_delivered_again_until_redriven(stack: LocalStack) -> None:
    queue(stack, {"do": "note", "as": "good"}, "one")
    queue(stack, {"do": "fail", "as": "bad"}, "two")
    stack.drain()
    assert (count(stack, "good"), count(stack, "bad")) == (1, 3)
    assert dead(stack) == [{"do": "fail", "as": "bad"}]


def test_a_crash_returns_the_full_batch(stack: LocalStack) -> None:
    queue(stack, {"do": "note", "as": "innocent"}, "one")
    queue(stack, {"do": "crash", "as": "guilty"}, "two")
    stack.drain()
    assert count(stack, "guilty") == 3
    assert count(stack, "innocent") == 3
    assert stack.crashes[-1].function == "Worker"


def test_without_retries_a_failure_waits_for_its_visibility_timeout(stack: LocalStack) -> None:
    queue(stack, {"do": "fail", "as": "later"})
    assert stack.drain(retry_at_once=False) == 1
    assert stack.drain(retry_at_once=False) == 0


def test_a_schedule_sends_its_time_to_its_queue(stack: LocalStack) -> None:
    stack.fire("Minutely")
    stack.drain()
    assert count(stack, "2026-06-01T12:00:00Z") == 1


def test_a_schedule_may_call_a_function(stack: LocalStack) -> None:
    stack.fire("RecorderDaily")
    item = stack.client("dynamodb").get_item(
        TableName=stack.resource("Table"), Key={"pk": {"S": "recorded"}}
    )
    assert "Item" in item


def test_outputs_name_the_loopback_url(stack: LocalStack) -> None:
    assert stack.outputs["EchoUrl"] == f"{stack.url}/echo/{{name}}"
    assert stack.outputs["Table"] == stack.resource("Table")


def test_secrets_manager_refuses_one_version_too_many(stack: LocalStack) -> None:
    secrets = stack.client("secretsmanager")
    for _ in range(2):
        secrets.create_secret(Name="busy", SecretString="0")
        for number in range(MOST_VERSIONS):
            secrets.put_secret_value(SecretId="busy", SecretString=str(number))
        with pytest.raises(ClientError, match="LimitExceededException"):
            secrets.put_secret_value(SecretId="busy", SecretString="one too many")
        secrets.delete_secret(SecretId="busy", ForceDeleteWithoutRecovery=True)


def test_a_queue_that_hides_messages_for_less_than_its_worker_may_run_is_refused() -> None:
    template = SamTemplate(SMALL)
    (source,) = template.sources()
    template.resources[source.function]["Properties"]["Timeout"] = 900
    with pytest.raises(ValueError, match="less than Function timeout: 900 seconds"):
        template.sources()
