"""Messages arrive: by the stack's topic and by Slack's webhook, and nothing secret goes along."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from local.firm import CONNECTION_ID, NL
from local.scene import FIRM, Scene
from local.simulation import Request, Response, serve
from local.story import Story
from ml_connector.codes import problem
from ml_connector.connection import Notify
from ml_connector.ids import Division
from tests.cli.terminal import Terminal

PATH = "/services/T000/B000/canary-of-slack-4711"


@dataclass
class Slack:
    """Slack's end of an incoming webhook."""

    status: int = 200
    posts: list[Request] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        self.posts.append(request)
        return Response(self.status, {}, b"ok")

    @property
    def texts(self) -> list[str]:
        return [str(post.json()["text"]) for post in self.posts]


@pytest.fixture(scope="module")
def mailbox(scene: Scene) -> str:
    """Return the URL of a queue that subscribes to the topic, as an address would."""
    sqs, sns = scene.stack.client("sqs"), scene.stack.client("sns")
    url = str(sqs.create_queue(QueueName="people")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    topic = scene.stack.outputs["NotificationTopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    return url


@pytest.fixture(scope="module")
def slack_at() -> Iterator[tuple[Slack, str]]:
    slack = Slack()
    with serve(slack.handle) as url:
        yield slack, f"{url}{PATH}"


@pytest.fixture
def slack(slack_at: tuple[Slack, str], scene: Scene, terminal: Terminal) -> Slack:
    """Slack, whose address the connection knows, after a long silence."""
    found, url = slack_at
    terminal.ok("notify", "slack", CONNECTION_ID, env={"CONNECTOR_SLACK_WEBHOOK_URL": url})
    connection = scene.doors.mappings.connection(FIRM)
    assert connection is not None
    scene.doors.mappings.save(connection.model_copy(update={"notify": Notify(slack=True)}))
    scene.clock.move(3600)
    found.status = 200
    found.posts.clear()
    return found


def received(scene: Scene, mailbox: str) -> list[tuple[str, str]]:
    """Return subject and text of what has arrived, and empty the mailbox."""
    sqs, found = scene.stack.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=mailbox, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            body = json.loads(message["Body"])
            found.append((body["Subject"], body["Message"]))
            sqs.delete_message(QueueUrl=mailbox, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_exceptions_of_the_story_arrive_by_mail(scene: Scene, story: Story, mailbox: str) -> None:
    story.what_a_person_must_see()
    scene.sweep()
    ((subject, text),) = received(scene, mailbox)
    assert subject == f"Connector {CONNECTION_ID}: 4 new exceptions"
    for code in story.refused.values():
        assert f"1 x {code}" in text
    scene.sweep()
    assert received(scene, mailbox) == []


def test_slack_is_told_as_well_and_a_name_calls_nobody(
    scene: Scene, story: Story, mailbox: str, slack: Slack
) -> None:
    line = scene.airbase.line("4600", "10.00")
    vendor = scene.firm.vendors["Cloudwerk"]
    order = scene.airbase.add_order("PO <!channel> & co", NL.subsidiary, vendor, [line])
    scene.airbase.approve(order)
    scene.stack.drain()
    scene.sweep()
    ((_, mail),) = received(scene, mailbox)
    (told,) = slack.texts
    assert "PO <!channel> & co" in mail
    assert "PO &lt;!channel&gt; &amp; co" in told
    assert slack.posts[0].path == PATH


def test_a_halt_arrives_at_once_and_slack_that_fails_gets_it_later(
    scene: Scene, mailbox: str, slack: Slack, terminal: Terminal, capfd: pytest.CaptureFixture[str]
) -> None:
    slack.status = 500
    scene.doors.ledger.halt(FIRM, problem("EXACT_DIVISION_BLOCKED", "x"), Division(NL.division))
    scene.sweep()
    assert len(received(scene, mailbox)) == 1
    written = capfd.readouterr().out
    assert '"NotifyFailed"' in written
    assert "canary-of-slack" not in written
    assert terminal.run("notify", "test", CONNECTION_ID).exit_code == 1
    received(scene, mailbox)
    slack.status = 200
    slack.posts.clear()
    scene.sweep()
    assert ["STOPPED" in text for text in slack.texts] == [True]
    assert received(scene, mailbox) == []
    scene.doors.ledger.clear_halt(FIRM)


def test_the_channels_can_be_tried(
    scene: Scene, mailbox: str, slack: Slack, terminal: Terminal
) -> None:
    found = terminal.ok("notify", "test", CONNECTION_ID, "--json").data
    assert [(each["channel"], each["sent"]) for each in found] == [("topic", True), ("slack", True)]
    assert len(received(scene, mailbox)) == len(slack.texts) == 1


def test_without_an_address_of_its_own_a_connection_uses_the_stacks(
    slack: Slack, slack_at: tuple[Slack, str], terminal: Terminal
) -> None:
    terminal.ok("notify", "slack", CONNECTION_ID, "--remove")
    said = terminal.run("notify", "test", CONNECTION_ID)
    assert "no Slack webhook is stored" in said.out
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
def test_another_address_is_refused_and_not_repeated(terminal: Terminal, url: str) -> None:
    said = terminal.refused("notify", "slack", env={"CONNECTOR_SLACK_WEBHOOK_URL": url})
    assert "cannot be used" in said
    assert "canary" not in said


def test_the_address_is_seen_nowhere(
    scene: Scene, mailbox: str, slack: Slack, terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")  # of all libraries
    slack.status = 404
    terminal.run("notify", "test", CONNECTION_ID)
    scene.doors.ledger.halt(FIRM, problem("EXACT_DIVISION_BLOCKED", "x"), Division(NL.division))
    scene.sweep()
    scene.doors.ledger.clear_halt(FIRM)
    assert slack.posts, "it was used"
    dynamodb = scene.stack.client("dynamodb")
    tables = [name for name in scene.stack.outputs if name.endswith("Table")]
    names = [scene.stack.resource(name) for name in tables]
    kept = [dynamodb.scan(TableName=name)["Items"] for name in names]
    seen = caplog.text + "".join(terminal.shown) + json.dumps(kept, default=str)
    seen += str(received(scene, mailbox))
    assert "slack_webhook_stored" in seen
    assert "canary-of-slack" not in seen
