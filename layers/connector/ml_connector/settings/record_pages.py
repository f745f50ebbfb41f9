"""Addresses of records' pages in Airbase and in Exact: a template that people copy from there.

Neither system documents them. This is without the models of settings: pages fill the templates in.
"""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, urlsplit

from msgspec import Struct

_LONGEST = 1_000
_USUAL = re.compile(r"[!#-;=?-\[\]_a-z{}~]+")
"""What an address is written with: no blank, quote, angle bracket, backslash or control sign."""
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*", re.IGNORECASE)
_PLACE = re.compile(r"\{([^{}]*)\}")


class PageOf(Struct, frozen=True):
    """Of what a page is: the placeholders that its address may have, and an example of one.

    One of `naming` has to be in it: without, every record would lead to the same page.
    """

    naming: tuple[str, ...]
    further: tuple[str, ...]
    example: str


AIRBASE_ORDER = PageOf(("id", "number"), (), "https://airbase.example/orders/{id}")
AIRBASE_VENDOR = PageOf(("id",), (), "https://airbase.example/vendors/{id}")
EXACT_ORDER = PageOf(
    ("id", "number"), ("division",), "https://exact.example/order?division={division}&id={id}"
)
EXACT_SUPPLIER = PageOf(
    ("id", "code"), ("division",), "https://exact.example/account?division={division}&id={id}"
)


def require_page(template: str, of: PageOf) -> str:
    """Return the template; raises `ValueError` unless it can only lead to one host, over https."""
    parts = _parts(template, of)
    if parts.scheme != "https":
        raise _refusal("it has to begin with https://", of)
    if "@" in parts.netloc:
        raise _refusal("it must not have a user or password", of)
    if "{" in parts.netloc or "}" in parts.netloc:
        raise _refusal("a placeholder may stand behind the host alone", of)
    if not _is_host(parts):
        raise _refusal("it names no host", of)
    names = set(_PLACE.findall(template))
    if unknown := sorted(names - {*of.naming, *of.further}):
        raise _refusal(f"{_listed(unknown)} is not known", of)
    if set("{}") & set(_PLACE.sub("", template)):
        raise _refusal("a brace has no counterpart", of)
    if not names & set(of.naming):
        raise _refusal(f"it needs {_listed(of.naming)}, which differs from record to record", of)
    return template


def address_of(template: str, of: PageOf, values: Mapping[str, str]) -> str | None:
    """Return the address of a record's page; None without a template, or a value that it needs.

    Whatever a value is, it stays within the part of the address where its placeholder stands.
    """
    try:
        checked = require_page(template, of)
    except ValueError:  # empty, or stored by other hands than ours
        return None
    # An encoded dot is a dot to a browser: `..` would lead to another page.
    if not all(values.get(name, "").strip(".") for name in _PLACE.findall(checked)):
        return None
    return _PLACE.sub(lambda place: quote(values[place[1]], safe=""), checked)


def _parts(template: str, of: PageOf) -> SplitResult:
    if len(template) > _LONGEST or not _USUAL.fullmatch(template):
        raise _refusal("it is too long, or has a sign that no address has", of)
    try:
        return urlsplit(template)
    except ValueError:
        raise _refusal("it is not an address", of) from None


def _is_host(parts: SplitResult) -> bool:
    try:
        return bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
    except ValueError:  # the port
        return False


def _refusal(why: str, of: PageOf) -> ValueError:
    known = _listed([*of.naming, *of.further])
    return ValueError(
        f"is not the address of a page: {why}. Open one in the browser, copy its address and put "
        f"{known} in place of what it says, as in {of.example}"
    )


def _listed(names: list[str] | tuple[str, ...]) -> str:
    *others, last = [f"{{{name}}}" for name in names]
    return f"{', '.join(others)} or {last}" if others else last
