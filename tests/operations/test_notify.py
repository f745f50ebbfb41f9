"""Messages arrive through the stack's topic and Slack's webhook, without any secret."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from connector_cli import stack as opening
from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import CONNECTION_ID, NL
from local.simulator import Request, Response, serve
from ml_connector.domain.exception_codes import problem
from ml_connector.infrastructure.halts import Halts
from ml_connector.notifications.setup import MAIL_IS_OFF
from tests.cli.terminal import Terminal

PATH = "/services/T000/B000/canary-of-slack-4711"


@dataclass
class Slack:
    """A simulated incoming webhook of Slack."""

    status: int = 200
    posts: list[Request] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        self.posts.append(request)
        return Response(self.status, {}, b"ok")

    @property
    def texts(self) -> list[str]:
        return [str(post.json()["text"]) for post in self.posts]


@pytest.fixture(scope="module")
def mailbox(demo: DemoEnvironment) -> str:
    """Return the URL of a queue subscribed to the topic, as an e-mail address would be."""
    sqs, sns = demo.stack.client("sqs"), demo.stack.client("sns")
    url = str(sqs.create_queue(QueueName="people")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    topic = demo.stack.outputs["NotificationTopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    return url


@pytest.fixture(scope="module")
def slack_at() -> Iterator[tuple[Slack, str]]:
    slack = Slack()
    with serve(slack.handle) as url:
        yield slack, f"{url}{PATH}"


@pytest.fixture
def slack(slack_at: tuple[Slack, str], demo: DemoEnvironment, terminal: Terminal) -> Slack:
    """Slack, with its URL stored for the connection, after the quiet time."""
    found, url = slack_at
    terminal.ok("notify", "slack", CONNECTION_ID, env={"CONNECTOR_SLACK_WEBHOOK_URL": url})
    connection = demo.services.connections.get(FIRM)
    assert connection is not None
    assert connection.notify.slack, "a stored address is used"
    demo.clock.move(3600)
    found.status = 200
    found.posts.clear()
    return found


def received(demo: DemoEnvironment, mailbox: str) -> list[tuple[str, str]]:
    """Return subject and text of the received messages, and empty the mailbox."""
    sqs, found = demo.stack.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=mailbox, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            body = json.loads(message["Body"])
            found.append((body["Subject"], body["Message"]))
            sqs.delete_message(QueueUrl=mailbox, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_exceptions_arrive_by_mail(demo: DemoEnvironment, scenario: Scenario, mailbox: str) -> None:
    scenario.orders_with_exceptions()
    demo.sweep()
    ((subject, text),) = received(demo, mailbox)
    assert subject == f"Connector {CONNECTION_ID}: 4 new exceptions"
    for code in scenario.refused.values():
        assert f"1 x {code}" in text
    demo.sweep()
    assert received(demo, mailbox) == []


def test_slack_gets_the_message_and_a_name_mentions_nobody(
    demo: DemoEnvironment, scenario: Scenario, mailbox: str, slack: Slack
) -> None:
    line = demo.airbase.line("4600", "10.00")
    vendor = demo.firm.vendors["Cloudwerk"]
    order = demo.airbase.add_order("PO <!channel> & co", NL.subsidiary, vendor, [line])
    demo.airbase.approve(order)
    demo.stack.drain()
    demo.sweep()
    ((_, mail),) = received(demo, mailbox)
    (text,) = slack.texts
    assert "PO <!channel> & co" in mail
    assert "PO &lt;!channel&gt; &amp; co" in text
    assert slack.posts[0].path == PATH


def test_a_halt_arrives_at_once_and_is_retried_for_a_failing_slack(
    demo: DemoEnvironment,
    mailbox: str,
    slack: Slack,
    terminal: Terminal,
    capfd: pytest.CaptureFixture[str],
) -> None:
    slack.status = 500
    Halts(demo.services.ledger_of(FIRM)).stop(problem("EXACT_DIVISION_BLOCKED", "x"), NL.key)
    demo.sweep()
    assert len(received(demo, mailbox)) == 1
    written = capfd.readouterr().out
    assert '"NotifyFailed"' in written
    assert "canary-of-slack" not in written
    tried = terminal.run("notify", "test", CONNECTION_ID)
    assert tried.exit_code == 1
    assert "topic: sent (1 confirmed subscriber)" in tried.out
    received(demo, mailbox)
    slack.status = 200
    slack.posts.clear()
    demo.sweep()
    assert ["STOPPED" in text for text in slack.texts] == [True]
    assert received(demo, mailbox) == []
    Halts(demo.services.ledger_of(FIRM)).lift_all()


def test_the_channels_can_be_tested(
    demo: DemoEnvironment, mailbox: str, slack: Slack, terminal: Terminal
) -> None:
    found = terminal.ok("notify", "test", CONNECTION_ID, "--json").data
    assert [(each["channel"], each["sent"]) for each in found] == [("slack", True), ("topic", True)]
    assert len(received(demo, mailbox)) == len(slack.texts) == 1


def test_a_connection_without_its_own_url_uses_the_stacks(
    slack: Slack, slack_at: tuple[Slack, str], terminal: Terminal
) -> None:
    terminal.ok("notify", "slack", CONNECTION_ID, "--remove")
    said = terminal.run("notify", "test", CONNECTION_ID)
    assert "slack" not in said.out, "it is off without an address"
    terminal.ok("notify", "slack", env={"CONNECTOR_SLACK_WEBHOOK_URL": slack_at[1]})
    terminal.ok("notify", "test", CONNECTION_ID)
    assert len(slack.texts) == 1
    terminal.ok("notify", "slack", "--remove")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/canary",
        "https://hooks.slack.com.evil.test/services/canary",
        "https://hooks.slack.com:8443/services/canary",
        "https://user@hooks.slack.com/services/canary",
        "https://169.254.169.254/canary",
        "ftp://127.0.0.1/canary",
        "canary",
    ],
)
def test_another_url_is_refused_and_not_repeated(terminal: Terminal, url: str) -> None:
    said = terminal.refused("notify", "slack", env={"CONNECTOR_SLACK_WEBHOOK_URL": url})
    assert "cannot be used" in said
    assert "canary" not in said


def test_the_url_is_never_shown_or_stored_in_plain_text(
    demo: DemoEnvironment,
    mailbox: str,
    slack: Slack,
    terminal: Terminal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")  # of all libraries
    slack.status = 404
    terminal.run("notify", "test", CONNECTION_ID)
    Halts(demo.services.ledger_of(FIRM)).stop(problem("EXACT_DIVISION_BLOCKED", "x"), NL.key)
    demo.sweep()
    Halts(demo.services.ledger_of(FIRM)).lift_all()
    assert slack.posts, "it was used"
    dynamodb = demo.stack.client("dynamodb")
    tables = [name for name in demo.stack.outputs if name.endswith("Table")]
    names = [demo.stack.resource(name) for name in tables]
    kept = [dynamodb.scan(TableName=name)["Items"] for name in names]
    seen = caplog.text + "".join(terminal.shown) + json.dumps(kept, default=str)
    seen += str(received(demo, mailbox))
    assert "slack_webhook_stored" in seen
    assert "canary-of-slack" not in seen


def test_nobody_is_subscribed_where_the_stack_sends_no_mail(
    demo: DemoEnvironment, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert demo.stack.outputs["Notifications"] == "on"
    read = opening._outputs
    monkeypatch.setattr(opening, "_outputs", lambda *of: read(*of) | {"Notifications": "off"})
    said = terminal.refused("notify", "email", "ap@firm.example")
    assert "E-mail: none is sent, because the stack was deployed with Notifications=off" in said
    sns = demo.stack.client("sns")
    found = sns.list_subscriptions_by_topic(TopicArn=demo.stack.outputs["NotificationTopicArn"])
    assert "ap@firm.example" not in {each["Endpoint"] for each in found["Subscriptions"]}
    tried = terminal.run("notify", "test", CONNECTION_ID)
    assert tried.out.startswith(f"{MAIL_IS_OFF}.\n")
    assert "topic:" not in tried.out, "nothing is sent there"
