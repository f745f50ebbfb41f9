"""How people are notified: HTML mail (SES), an SNS topic (plain e-mail), and a Slack webhook.

A channel takes a subject, a plain text and the same as HTML, and raises when it cannot deliver.
"""

from collections.abc import Callable
from typing import Any, Protocol
from unicodedata import combining, normalize
from urllib.parse import urlsplit

import httpx
from botocore.exceptions import ClientError

from ml_connector.secret import Secret

SLACK_HOST = "hooks.slack.com"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_MAX_SUBJECT_LENGTH = 99  # SNS takes 100 characters of printable ASCII
_LARGEST_TEXT = 255 * 1024  # bytes; SNS takes 256 KiB with the rest of the message
_CUT = "\n... (cut: SNS takes 256 KB)"
# Short: the sweep has other work to do, and the next one tries again.
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)


class ChannelError(Exception):
    """The channel did not take the message; the text has no secrets."""


class Channel(Protocol):
    """One way to notify people, under `name` in logs and metrics."""

    name: str

    def send(self, subject: str, text: str, html: str) -> None:
        """Deliver the message, or raise; a channel that shows no HTML sends the text."""
        ...


class SnsTopic:
    """An SNS topic; its subscriptions are also managed in the AWS account."""

    def __init__(self, client: Callable[[], Any], arn: str, name: str = "topic") -> None:
        """Publish to `arn` over the botocore client that `client` makes when needed."""
        self.name = name
        self._client = client
        self._arn = arn

    def send(self, subject: str, text: str, html: str = "") -> None:  # noqa: ARG002  plain text
        """See `Channel.send`; what is longer than SNS takes is cut, and says so."""
        subject = _in_ascii(subject)[:_MAX_SUBJECT_LENGTH]
        raw = text.encode()
        if len(raw) > _LARGEST_TEXT:
            text = raw[:_LARGEST_TEXT].decode(errors="ignore") + _CUT
        self._client().publish(TopicArn=self._arn, Subject=subject, Message=text)

    def subscribers(self) -> tuple[int, int]:
        """Return how many of the topic's subscriptions are confirmed, and how many pending."""
        pages = self._client().get_paginator("list_subscriptions_by_topic")
        found = [
            str(each["SubscriptionArn"]).startswith("arn:")
            for page in pages.paginate(TopicArn=self._arn)
            for each in page["Subscriptions"]
        ]
        return found.count(True), found.count(False)

    def subscribe(self, address: str) -> bool:
        """Subscribe an e-mail address; return whether it is confirmed, as one may be from before.

        SNS sends a message to one that is not: it counts once the link in it was opened.
        """
        found = self._client().subscribe(TopicArn=self._arn, Protocol="email", Endpoint=address)
        return str(found["SubscriptionArn"]).startswith("arn:")


def _in_ascii(text: str) -> str:
    """Return a text without the accents of its letters; `?` for what has no such form."""
    bare = (c for c in normalize("NFKD", text) if not combining(c))
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in bare)


class HtmlMail:
    """Mail with a text and an HTML part, through SES, to one address.

    SES takes a mail to several addresses for all of them or for none: a channel for each, so that
    one that is refused keeps nothing from the others.
    """

    def __init__(self, client: Callable[[], Any], sender: str, address: str) -> None:
        """Send over the botocore client of SES (version 2) that `client` makes when needed."""
        self.name = f"mail {address}"
        self._client = client
        self._sender = sender
        self._address = address

    def send(self, subject: str, text: str, html: str) -> None:
        """See `Channel.send`; raises `ChannelError` with what SES says."""
        parts = {"Text": _content(text), **({"Html": _content(html)} if html else {})}
        try:
            self._client().send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [self._address]},
                Content={"Simple": {"Subject": _content(subject), "Body": parts}},
            )
        except ClientError as error:
            found = error.response["Error"]
            reason = f"{found['Code']}: {found['Message']}"
            raise ChannelError(f"SES did not take the mail: {reason}") from error


def _content(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


class SlackWebhook:
    """A Slack incoming webhook; its address is a secret."""

    name = "slack"

    def __init__(self, http: httpx.Client, find_url: Callable[[], Secret | None]) -> None:
        """Post to the address that `find_url` returns, checked by `slack_url`."""
        self._http = http
        self._find_url = find_url

    def send(self, subject: str, text: str, html: str = "") -> None:  # noqa: ARG002  plain text
        """See `Channel.send`; raises `ChannelError`, without the address."""
        body = {"text": _escaped(f"{subject}\n\n{text}"), "unfurl_links": False}
        url = self._find_url()
        if url is None:
            raise ChannelError("no Slack webhook is stored: run `connector notify slack`")
        try:
            answer = self._http.post(url.reveal(), json=body, timeout=_TIMEOUT)
        except httpx.HTTPError as error:
            # Not chained: the request in the error contains the secret address.
            reason = type(error).__name__
        else:
            if answer.is_success:
                return
            reason = f"status {answer.status_code}"
        raise ChannelError(f"Slack did not take the message: {reason}")


def slack_url(text: str) -> Secret:
    """Return the address of an incoming webhook.

    Raises `ValueError`, without the address, unless it is https at Slack's host or loopback.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        raise ValueError("it is not a web address") from None
    if host in _LOOPBACK and parts.scheme in {"http", "https"}:
        return Secret(text)
    if parts.scheme != "https" or host != SLACK_HOST or parts.port or "@" in parts.netloc:
        raise ValueError(f"it must be an https address at {SLACK_HOST}")
    return Secret(text)


def _escaped(text: str) -> str:
    """Escape the text for Slack: otherwise `<!channel>` in a name would notify everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
