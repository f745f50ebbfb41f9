"""Answers that Exact does not document, but that people report: altered from the right ones."""

import json
from collections.abc import Mapping
from typing import Any

from local.simulator import Response

KINDS = frozenset({"utf_16", "emptied", "odd_row"})


def page(status: int) -> Response:
    """Return a page of a server in front of Exact."""
    body = b"<!DOCTYPE html><html><head><title>Request blocked</title></head><body/></html>"
    return Response(status, {"Content-Type": "text/html"}, body)


def altered(kind: str, response: Response) -> Response:
    """Return the answer as this kind of fault alters it; one without rows stays as it is."""
    if kind == "utf_16":
        body = response.body.decode().encode("utf-16")
        return Response(response.status, response.headers, body)
    answer = json.loads(response.body or b"{}")
    rows = _rows(answer)
    if rows is None:
        return response
    if kind == "emptied":
        rows.clear()
    elif rows:
        spared = ("__metadata", "Timestamp")
        rows[0] = {n: v if n in spared else {"odd": v} for n, v in rows[0].items()}
    return Response(response.status, response.headers, json.dumps(answer).encode())


def _rows(answer: Mapping[str, Any]) -> list[Any] | None:
    inner = answer.get("d")
    rows = inner.get("results") if isinstance(inner, Mapping) else inner
    return rows if isinstance(rows, list) else None
