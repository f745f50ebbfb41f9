"""Messages in the language of the connection: whole, with figures as its readers write them."""

import gettext
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector.domain.exception_codes import CATALOGUE, problem
from ml_connector.domain.exception_codes.templates import fields_of, in_general
from ml_connector.infrastructure.channels import SlackWebhook, SnsTopic
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.notification_outbox import (
    Notification,
    NotificationOutbox,
    OutboxItem,
)
from ml_connector.languages import texts
from ml_connector.languages.filled_values import plain_value
from ml_connector.languages.locales import LOCALES
from ml_connector.notifications.message import WrittenMessage
from ml_connector.notifications.setup import try_slack
from ml_connector.notifications.text import compose, compose_halts, texts_of
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection, MessageLanguage
from tests.domain.orders.builders import any_connection
from tests.infrastructure.test_open_groups import stop
from tests.notifications.test_messages import CONSOLE, Read

OTHERS = [language for language in LOCALES if language != "en"]
MAILS = Path(__file__).parent / "mails"
"""A whole mail in each language."""
AT = "2026-11-30T08:05:00+00:00"


class Missing(gettext.NullTranslations):
    """Notes what no catalogue has a translation of."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def gettext(self, message: str) -> str:
        self.found.append(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.found.append(msgid1)
        return msgid1


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    def of(language: str) -> list[str]:
        exceptions: Any = vars(texts._shared(language))["_fallback"]
        noted = Missing()
        monkeypatch.setattr(exceptions, "_fallback", noted)
        return noted.found

    return of


def connection_in(language: str, *, details: bool = True) -> Connection:
    connection = any_connection()
    settings = {"language": language, "time_zone": "Europe/Amsterdam", "details": details}
    return connection.model_copy(update={"notify": connection.notify.model_copy(update=settings)})


def values_of(template: str) -> dict[str, str]:
    return {name: f"<{name}>" for name in fields_of(template)}


def about(code: str) -> tuple[Notification, ...]:
    """Return what can be told of a code: of an order, a line of it, a site, and all of it."""
    entry = CATALOGUE[code]
    cause = in_general(entry.cause, **values_of(entry.cause))
    remedy = in_general(entry.remedy, **values_of(entry.remedy))
    order = Notification(
        "exception", code, "PO-7, line 2", "Cloudwerk", "EUR 1234.50", "nl.2101", remedy,
        cause=cause, key="order#7", group="g",
    )  # fmt: skip
    return (
        order,
        order._replace(kind="assigned", assignee="Ada", division="nl"),
        order._replace(kind="halt", name="", division="nl"),
        order._replace(kind="halt", name="", division=""),
        order._replace(kind="lifted", name="", division="nl.2101"),
    )


def messages(connection: Connection, code: str) -> Iterator[WrittenMessage]:
    """Yield every kind of message about a code: together, with many more, and as alarms."""
    item = OutboxItem("key", AT, about(code))
    first = item.notifications[0]
    more = [first._replace(group=str(number)) for number in range(30)]
    yield compose(connection, [item], CONSOLE)
    yield compose(connection, [item])
    yield compose(connection, [OutboxItem("key", AT, (first,) * 5 + (*more,))], CONSOLE)
    yield from compose_halts(connection, item, CONSOLE)


def test_messages_have_the_languages_that_there_are_catalogues_for() -> None:
    assert set(get_args(MessageLanguage)) == set(LOCALES)


@pytest.mark.parametrize("details", [True, False])
@pytest.mark.parametrize("language", OTHERS)
def test_no_message_lacks_a_text(
    missing: Callable[[str], list[str]], language: str, *, details: bool
) -> None:
    noted = missing(language)
    connection = connection_in(language, details=details)
    for code in CATALOGUE:
        english = about(code)[0]
        for message in messages(connection, code):
            for said in (english.cause, english.remedy):
                assert said not in message.text, "it is still in English"
    assert noted == []


def sent_to_slack(send: Callable[[httpx.Client], Any]) -> str:
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content)["text"])
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        send(http)
    return "".join(sent)


URL = Secret("https://hooks.slack.com/services/x")
TESTS = {
    "en": "Connector firm: a test\n\nThis is a test.",
    "nl": "Connector firm: een test\n\nDit is een test.",
    "de": "Connector firm: ein Test\n\nDies ist ein Test.",
    "fr": "Connector firm : un test\n\nCeci est un test.",
}


@pytest.mark.parametrize("language", TESTS)
def test_a_test_message_is_in_the_language_too(
    missing: Callable[[str], list[str]], language: MessageLanguage
) -> None:
    noted = missing(language) if language in OTHERS else []
    text = sent_to_slack(lambda http: try_slack(http, connection_in(language).id, URL, language))
    assert text.replace(connection_in(language).id, "firm").startswith(TESTS[language])
    assert noted == []


def words(text: str) -> list[str]:
    """Return the words of a text; in French, a colon stands apart."""
    return [each for each in text.split() if each != ":"]


def whole(language: str) -> WrittenMessage:
    """Return a message about a stopped site and 1,200 orders whose lines do not add up."""
    halt = problem("RECONNECT_NEEDED", "x", connection="firm")
    wrong = problem("TOTAL_MISMATCH", "x", lines="1234.50", total="1300.00")
    stopped = Notification("halt", "RECONNECT_NEEDED", division="nl", remedy=halt.remedy)
    orders = [
        Notification(
            "exception", wrong.code, f"PO-{number}, line 2", "<img onerror>", "EUR 1234.50",
            "nl.2101", wrong.remedy, cause=wrong.cause, key=f"order#{number}", group="g",
        )
        for number in range(7, 1207)
    ]  # fmt: skip
    item = OutboxItem("key", AT, (stopped, *orders))
    return compose(connection_in(language), [item], CONSOLE)


@pytest.mark.parametrize("language", LOCALES)
def test_a_whole_mail_is_in_one_language_and_zone(language: str) -> None:
    subject, text, html = whole(language)
    expected = (MAILS / f"{language}.txt").read_text("utf-8").strip().format(console=CONSOLE)
    assert text == expected
    assert f'<html lang="{language}">' in html
    assert "<img" not in html
    read = Read(html)
    without = re.sub(
        rf":?  {CONSOLE}\S+|^ *{CONSOLE}\S+\n|^  (- )?", "", expected, flags=re.MULTILINE
    )
    assert words(" ".join(read.words)) == words(subject) + words(without)
    assert set(read.links) == set(re.findall(rf"{CONSOLE}/\S*", expected))


@pytest.mark.parametrize(
    ("language", "subject", "of_topic"),
    [
        ("en", "Connector firm: stopped, 1,200 new exceptions", ""),
        ("nl", "Connector firm: gestopt, 1.200 nieuwe uitzonderingen", ""),
        ("de", "Connector firm: angehalten, 1.200 neue Ausnahmen", ""),
        (
            "fr",
            "Connector firm : arrêt, 1\u202f200 nouvelles exceptions",
            "Connector firm : arret, 1 200 nouvelles exceptions",
        ),
    ],
)
def test_slack_and_the_topic_say_the_same(language: str, subject: str, of_topic: str) -> None:
    message = whole(language)
    assert message.subject == subject
    slack = sent_to_slack(lambda http: SlackWebhook(http, lambda: URL).send(*message))
    escaped = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert slack == f"{subject}\n\n{escaped}"
    topic = Topic()
    SnsTopic(lambda: topic, "arn:aws:sns:eu-central-1:1:topic").send(*message)
    assert topic.published == [(of_topic or subject, message.text)]


class Topic:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []

    def publish(self, TopicArn: str, Subject: str, Message: str) -> None:  # noqa: N803  as SNS has it
        self.published.append((Subject, Message))


def test_a_moment_in_a_cause_is_on_the_clocks_of_the_connection() -> None:
    texts = texts_of(connection_in("nl"))
    for at in ("2026-10-31 23:30 UTC", "2026-10-31T23:30:12+00:00", "2026-10-31T23:30:12.5Z"):
        assert plain_value(texts, at) == "1 nov 2026, 00:30 Europe/Amsterdam"


@pytest.mark.parametrize("language", OTHERS)
def test_a_long_answer_of_a_remote_is_cut_and_the_rest_is_translated(language: str) -> None:
    table, id = InMemoryTable("ledger"), connection_in(language).id
    said = problem("EXACT_MANDATORY", "PO-1", "quoted", text="<b>Nee</b> " * 300)
    stop(Ledger(table, InMemoryTable("audit"), "test", id), "PO-1", said)
    message = compose(connection_in(language), NotificationOutbox(table, id).waiting(10))
    assert "<b>Nee</b> <b>Nee</b>" in message.text
    assert len(message.text) < 1_000
    assert said.cause[:20] not in message.text, "it is in English"
    assert "<b>" not in message.html
