"""What SQS and SNS refuse is refused locally, at the endpoint that every client calls."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws
from local.message_limits import LARGEST_MESSAGE


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    running = LocalAws()
    running.start()
    yield running
    running.stop()


def test_sqs_takes_messages_of_256_kib(aws: LocalAws) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="one")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x" * LARGEST_MESSAGE)
    for text in ("x" * (LARGEST_MESSAGE + 1), "é" * (LARGEST_MESSAGE // 2 + 1)):
        with pytest.raises(ClientError, match="shorter than 262144") as raised:
            sqs.send_message(QueueUrl=url, MessageBody=text)
        assert raised.value.response["Error"]["Code"] == "InvalidParameterValue"


REFUSED: dict[str, dict[str, str]] = {
    "a long text": {"Message": "é" * (LARGEST_MESSAGE // 2), "Subject": "s"},
    "a long subject": {"Message": "x", "Subject": "s" * 101},
    "a line break": {"Message": "x", "Subject": "one\ntwo"},
    "a control character": {"Message": "x", "Subject": "one\x07"},
    "other letters": {"Message": "x", "Subject": "é"},
    "a leading blank": {"Message": "x", "Subject": " x"},
}


@pytest.mark.parametrize("message", REFUSED.values(), ids=REFUSED)
def test_sns_refuses(aws: LocalAws, message: dict[str, Any]) -> None:
    sns = aws.client("sns")
    arn = sns.create_topic(Name="one")["TopicArn"]
    sns.publish(TopicArn=arn, Message="x" * 1000, Subject="s" * 100)
    with pytest.raises(ClientError) as raised:
        sns.publish(TopicArn=arn, **message)
    assert raised.value.response["Error"]["Code"] == "InvalidParameter"
