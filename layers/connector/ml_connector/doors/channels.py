"""The ways by which people are told: an SNS topic (e-mail), and a webhook of Slack's.

A channel takes a subject and a plain text; whatever goes wrong is raised, and is the teller's.
"""

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from ml_connector.secret import Secret

SLACK_HOST = "hooks.slack.com"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_LONGEST_SUBJECT = 99  # SNS takes 100 characters of printable ASCII
# The sweep has other work to do: whoever does not answer is told by the next one.
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)


class ChannelError(Exception):
    """The channel did not take the message; says nothing secret."""


class Channel(Protocol):
    """One way to tell people; `name` is how logs and metrics call it."""

    name: str

    def send(self, subject: str, text: str) -> None:
        """Deliver the text, or raise."""
        ...


class Topic:
    """An SNS topic; who subscribes to it is the account's affair."""

    name = "topic"

    def __init__(self, client: Callable[[], Any], arn: str) -> None:
        """Publish to `arn` over a botocore client that is made when it is first needed."""
        self._client = client
        self._arn = arn

    def send(self, subject: str, text: str) -> None:
        """See `Channel.send`."""
        plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in subject)
        subject = plain[:_LONGEST_SUBJECT]
        self._client().publish(TopicArn=self._arn, Subject=subject, Message=text)


class Slack:
    """An incoming webhook of Slack: its address is a secret."""

    name = "slack"

    def __init__(self, http: httpx.Client, find_url: Callable[[], Secret | None]) -> None:
        """Post to what `find_url` returns: an address that `slack_url` has checked."""
        self._http = http
        self._find_url = find_url

    def send(self, subject: str, text: str) -> None:
        """See `Channel.send`; raises `ChannelError`, which does not name the address."""
        body = {"text": _escaped(f"{subject}\n\n{text}"), "unfurl_links": False}
        url = self._find_url()
        if url is None:
            raise ChannelError("no Slack webhook is stored: run `connector notify slack`")
        try:
            answer = self._http.post(url.reveal(), json=body, timeout=_TIMEOUT)
        except httpx.HTTPError as error:
            # Not raised from it: the request that hangs on it holds the address.
            reason = type(error).__name__
        else:
            if answer.is_success:
                return
            reason = f"status {answer.status_code}"
        raise ChannelError(f"Slack did not take the message: {reason}")


def slack_url(text: str) -> Secret:
    """Return the address of an incoming webhook.

    Raises `ValueError`, which does not repeat the address, unless it is https at Slack's own
    host, or a loopback address.
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
    """Return the text as Slack wants it: otherwise `<!channel>` in a name would call everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
