"""One message to people, made once and written twice: as plain text, and as HTML for mail."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from ml_connector.languages.texts import Texts
from ml_connector.telemetry import redact_text

_LONGEST_LINE = 1_000
_FIXED_SPACES = "\u00a0\u202f"  # between the thousands of a number, in French
_STYLE = (
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#1c2230;"
    "background:#ffffff;max-width:640px;margin:0 auto;padding:16px"
)
_SOFT, _LINK = "color:#5a6275", "color:#1a4fc4"
_BUTTON = "display:inline-block;padding:8px 14px;border-radius:8px;background:#1a4fc4;color:#ffffff"


class WrittenMessage(NamedTuple):
    """A message as channels send it: a subject, and the same content as text and as HTML."""

    subject: str
    text: str
    html: str


class Case(NamedTuple):
    """One record in a block: what it is, and where it is found, if that may be said."""

    title: str
    address: str = ""


class Block(NamedTuple):
    """What is said about one cause: `more` counts the cases that are left out.

    `to`: what the link says, and the address or the command that it is.
    """

    heading: str
    lines: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    more: int = 0
    to: tuple[str, str] = ("", "")


def written(texts: Texts, subject: str, blocks: Sequence[Block]) -> WrittenMessage:
    """Return the message; what a remote has sent is shown as text, on one line, without secrets."""
    text = "\n\n".join("\n".join(_as_text(texts, each)) for each in blocks)
    body = "\n".join(part for each in blocks for part in _as_html(texts, each))
    html = (
        f'<!doctype html>\n<html lang="{texts.language}"><head><meta charset="utf-8">'
        f"<title>{_html(subject)}</title></head>\n"
        f'<body style="{_STYLE}">\n{body}\n</body></html>\n'
    )
    return WrittenMessage(clean(subject), text, html)


def clean(line: str) -> str:
    """Return a text without what cannot be seen, and without secrets."""
    seen = "".join(c for c in line if c.isprintable() or c in _FIXED_SPACES)
    return redact_text(seen[:_LONGEST_LINE])


def _as_text(texts: Texts, block: Block) -> Iterator[str]:
    if block.heading:
        yield clean(block.heading)
    for line in block.lines:
        yield f"  {clean(line)}"
    for case in block.cases:
        yield f"  - {clean(case.title)}"
        if case.address:
            yield f"    {clean(case.address)}"
    if block.more:
        yield f"  - {_more(texts, block.more)}"
    label, address = block.to
    if address:
        yield f"  {texts.say('%(label)s:', label=label)}  {address}"


def _as_html(texts: Texts, block: Block) -> Iterator[str]:
    if block.heading:
        yield f'<h2 style="font-size:17px;margin:24px 0 4px">{_html(block.heading)}</h2>'
    for line in block.lines:
        yield f'<p style="margin:4px 0">{_html(line)}</p>'
    if block.cases or block.more:
        yield '<ul style="margin:8px 0;padding-left:20px">'
        yield from (f"<li>{_case(each)}</li>" for each in block.cases)
        if block.more:
            yield f'<li style="{_SOFT}">{_more(texts, block.more)}</li>'
        yield "</ul>"
    label, address = block.to
    if is_address(address):
        link = f'<a style="{_BUTTON}" href="{escape(address)}">{_html(label)}</a>'
        yield f'<p style="margin:12px 0">{link}</p>'
    elif address:
        said = _html(texts.say("%(label)s:", label=label))
        yield f'<p style="margin:8px 0">{said} <code>{_html(address)}</code></p>'


def _case(case: Case) -> str:
    if is_address(case.address):
        return f'<a style="{_LINK}" href="{escape(case.address)}">{_html(case.title)}</a>'
    command = f" <code>{_html(case.address)}</code>" if case.address else ""
    return _html(case.title) + command


def is_address(text: str) -> bool:
    """Return whether it is a page's address, and no command."""
    return text.startswith(("https://", "http://"))


def _html(text: str) -> str:
    return escape(clean(text))


def _more(texts: Texts, number: int) -> str:
    return texts.count("and %(number)s more", "and %(number)s more", number)
