"""Answers with rows: collections in pages, single entities, JSON or Atom."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from local.exact_simulator.fields import BLANK, COLLECTIONS, FIELDS
from local.exact_simulator.refusals import JSON, bad_syntax
from local.simulator import Response

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """How the rows of one answer are written."""

    endpoint: str
    origin: str
    division: int | None
    key: str = "ID"
    select: tuple[str, ...] | None = None

    def uri(self, key: Any) -> str:
        """Return the address of one row."""
        literal = f"guid'{key}'" if isinstance(key, str) else f"{key}L"
        return f"{self.base()}({literal})"

    def base(self) -> str:
        """Return the address of the endpoint."""
        division = "" if self.division is None else f"{self.division}/"
        return f"{self.origin}/api/v1/{division}{self.endpoint}"

    def write(self, row: Row, expanded: Mapping[str, Sequence[Row]] | None = None) -> Row:
        """Return one row with its metadata, all its fields, and its collections."""
        uri = self.uri(row[self.key])
        model = self.endpoint.rsplit("/", 1)[1]
        shown: dict[str, Any] = {
            "__metadata": {"uri": uri, "type": f"Exact.Web.Api.Models.{model}"},
            **BLANK[self.endpoint],
            **row,
        }
        for name in COLLECTIONS[self.endpoint]:
            shown[name] = {"__deferred": {"uri": f"{uri}/{name}"}}
        for name, rows in (expanded or {}).items():
            shown[name] = {"results": list(rows)}
        if self.select is None:
            return shown
        return {"__metadata": shown["__metadata"], **{n: shown[n] for n in self.select}}


def read_select(endpoint: str, text: str | None) -> tuple[str, ...] | None:
    """Return the fields of `$select`, None for all (raises the 400 for an unknown one)."""
    if text is None or text.strip() == "*":
        return None
    names = tuple(name.strip() for name in text.split(","))
    if any(name not in FIELDS[endpoint] for name in names):
        raise bad_syntax()
    return names


def collection(rows: list[Row], following: str | None, *, bare: bool, as_json: bool) -> Response:
    """Return the 200 of a list; `bare` is the form for a small `$top`."""
    if not as_json:
        return _atom(rows)
    if bare:
        return _dump(200, {"d": rows})
    page: dict[str, Any] = {"results": rows}
    if following is not None:
        page["__next"] = following
    return _dump(200, {"d": page})


def single(row: Row, *, as_json: bool, status: int = 200, location: str | None = None) -> Response:
    """Return one entity; `location` is its address when it was just created."""
    headers = {"Location": location} if location else {}
    return _dump(status, {"d": row}, headers) if as_json else _atom([row], status, headers)


def no_content() -> Response:
    """Return the 204 of a change or a deletion."""
    return Response(204)


def next_link(base: str, parameters: Mapping[str, str]) -> str:
    """Return the address of the next page."""
    query = "&".join(f"{name}={quote(value, safe=_UNQUOTED)}" for name, value in parameters.items())
    return f"{base}?{query}"


_UNQUOTED = "'(),*$-_.~"


def _dump(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, {**(headers or {}), "Content-Type": JSON}, body)


def _atom(rows: Iterable[Row], status: int = 200, headers: Row | None = None) -> Response:
    entries = "".join(_atom_entry(row) for row in rows)
    body = (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f"{entries}</feed>"
    )
    kind = "application/atom+xml; charset=utf-8"
    return Response(status, {**(headers or {}), "Content-Type": kind}, body.encode())


def _atom_entry(row: Row) -> str:
    properties = "".join(
        f"<d:{name}>{escape(str(value))}</d:{name}>"
        for name, value in row.items()
        if value is not None and not isinstance(value, dict)
    )
    link = quoteattr(row["__metadata"]["uri"])
    body = f'<content type="application/xml"><m:properties>{properties}</m:properties></content>'
    return f"<entry><link href={link}/>{body}</entry>"
