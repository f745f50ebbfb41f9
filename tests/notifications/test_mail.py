"""HTML mail through SES, as SES takes it: its limits and errors are told, and nothing is lost."""

from collections.abc import Iterator

import pytest

from local.aws import LocalAws
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.sent_mail import LARGEST_MAIL, SentMail
from ml_connector.bootstrap import open_mail
from ml_connector.infrastructure.channels import ChannelError, HtmlMail
from ml_connector.notifications.setup import subscribe_mail
from ml_connector.settings.connection import Connection, NotificationSettings
from ml_connector.user_errors import UserError
from tests.person_stack import PERSON, PersonStack

SENDER, READER = "orders@firm.example", "ap@firm.example"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    aws = LocalAws()
    aws.start()
    yield aws
    aws.stop()


@pytest.fixture
def ses(aws: LocalAws) -> Iterator[SentMail]:
    ses = aws.mail
    ses.verified = {"firm.example"}
    yield ses
    vars(ses).update(vars(SentMail(ses.application)))  # the account as it begins


def mail(aws: LocalAws, to: str = READER, sender: str = SENDER) -> HtmlMail:
    return HtmlMail(lambda: aws.client("sesv2"), sender, to)


def test_a_mail_has_a_text_and_an_html_part(aws: LocalAws, ses: SentMail) -> None:
    mail(aws).send("Stopped: é", "text é", "<p>html é</p>")
    (sent,) = ses.sent
    assert (sent.sender, sent.to) == (SENDER, [READER])
    assert (sent.subject, sent.text, sent.html) == ("Stopped: é", "text é", "<p>html é</p>")


def test_a_sender_that_is_not_verified_is_named(aws: LocalAws, ses: SentMail) -> None:
    with pytest.raises(ChannelError, match=r"MessageRejected: .*not verified.*x@else\.example"):
        mail(aws, sender="x@else.example").send("s", "t", "h")
    assert ses.sent == []


def test_in_the_sandbox_recipients_are_verified_too(aws: LocalAws, ses: SentMail) -> None:
    to = mail(aws, "out@else.example")
    with pytest.raises(ChannelError, match=r"not verified.*out@else\.example"):
        to.send("s", "t", "h")
    ses.is_sandbox = False
    to.send("s", "t", "h")
    assert len(ses.sent) == 1


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("per_second", 0, "TooManyRequestsException: Maximum sending rate exceeded"),
        ("per_day", 0, "TooManyRequestsException: Daily message quota exceeded"),
        ("is_paused", True, "SendingPausedException"),
    ],
)
def test_what_ses_takes_no_more_of_is_told(
    aws: LocalAws, ses: SentMail, limit: str, value: int, said: str
) -> None:
    setattr(ses, limit, value)
    with pytest.raises(ChannelError, match=said):
        mail(aws).send("s", "t", "h")


def test_a_mail_that_is_too_large_is_refused(ses: SentMail) -> None:
    text = {"Data": "x" * (LARGEST_MAIL + 1)}
    call = {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": [READER]},
        "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": text}}},
    }
    assert ses.take(call) == ("MessageRejected", "Message length exceeds the maximum allowed.")


def test_who_gets_mail(env: InMemoryEnvironment) -> None:
    env.connect()
    plain = env.services.connections.get(FIRM)
    assert plain
    named = changed(plain, NotificationSettings(emails=(READER,)))

    def of(connection: Connection, sender: str, address: str) -> list[str]:
        return [each.name for each in open_mail(lambda: None, sender, address)(connection)]

    assert of(plain, "", "all@firm.example") == [], "no sender: the topic"
    assert of(plain, SENDER, "") == [], "nobody: the topic"
    assert of(plain, SENDER, "all@firm.example") == ["mail all@firm.example"]
    assert of(named, SENDER, "all@firm.example") == [f"mail {READER}"]


def changed(connection: Connection, notify: NotificationSettings) -> Connection:
    return connection.model_copy(update={"notify": notify})


@pytest.mark.parametrize(
    "wrong", ["ap", "a b@firm.example", "a@b", "x@firm.example\nBcc: y@z.example"]
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not an e-mail address"):
        NotificationSettings(emails=(wrong,))


def test_what_ses_refused_is_sent_when_it_takes_mail_again(
    env: InMemoryEnvironment, aws: LocalAws, ses: SentMail
) -> None:
    env.memory.topics.append(mail(aws))
    env.services = env.memory.services()
    env.connect()
    ses.is_paused = True
    env.post(env.order("PO-7", lines=[env.airbase.line("4600", "10.00")]))
    env.wait(minutes=1)
    assert ses.sent == []
    assert {"NotifyFailed": 1} in env.memory.figures
    ses.is_paused = False
    for _ in range(3):
        env.wait(minutes=1)
    (sent,) = ses.sent
    assert "PO-7" in sent.html
    assert "PO-7" in sent.text


def test_an_address_that_is_refused_keeps_nothing_from_the_others(
    env: InMemoryEnvironment, aws: LocalAws, ses: SentMail
) -> None:
    wrong = "out@else.example"  # in the sandbox, where SES knows only those that are verified
    env.memory.topics += [mail(aws, wrong), mail(aws)]
    env.services = env.memory.services()
    env.connect()
    env.post(env.order("PO-7", lines=[env.airbase.line("4600", "10.00")]))
    for _ in range(3):
        env.wait(minutes=1)
    assert [each.to for each in ses.sent] == [[READER]]
    assert {"NotifyFailed": 1} in env.memory.figures


def test_a_stack_with_a_sender_keeps_the_addresses_that_it_mails(env: InMemoryEnvironment) -> None:
    env.connect()
    stack = PersonStack(env)
    vars(stack)["sends_mail"] = True
    for each in (READER, "b@firm.example", READER):
        state = [{"address": each, "confirmed": True}]
        assert subscribe_mail(stack, PERSON, None, [each]) == state
    found = env.services.connections.get(FIRM)
    assert found
    assert found.notify.emails == (READER, "b@firm.example")
    assert vars(env)["mails"] == [], "the topic is left alone"
    with pytest.raises(UserError, match="at most 20 addresses"):
        subscribe_mail(stack, PERSON, FIRM, [f"{n}@firm.example" for n in range(20)])
