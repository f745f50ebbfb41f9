"""The mailbox of the people whom the stack notifies: a queue on the notification topic."""

import json
from dataclasses import dataclass

from local.stack import LocalStack

_QUEUE = "mailbox"
_AT_ONCE = 10


@dataclass(frozen=True)
class Mail:
    """One message to people."""

    subject: str
    text: str


class Mailbox:
    """Receives from the notification topic, as an e-mail address would."""

    def __init__(self, stack: LocalStack) -> None:
        """Subscribe."""
        self._sqs = stack.client("sqs")
        self._url = str(self._sqs.create_queue(QueueName=_QUEUE)["QueueUrl"])
        asked = {"QueueUrl": self._url, "AttributeNames": ["QueueArn"]}
        arn = self._sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
        topic = stack.outputs["NotificationTopicArn"]
        stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def read(self) -> list[Mail]:
        """Return the messages that came since the last time."""
        mails: list[Mail] = []
        while found := self._receive():
            mails += found
        return mails

    def _receive(self) -> list[Mail]:
        asked = {"QueueUrl": self._url, "MaxNumberOfMessages": _AT_ONCE}
        messages = self._sqs.receive_message(**asked).get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        bodies = (json.loads(message["Body"]) for message in messages)
        return [Mail(str(body["Subject"]), str(body["Message"])) for body in bodies]
