"""Logs and metrics of every function, with a formatter that lets no secret through.

The webhook functions use Powertools' Logger too: beside botocore it adds about 5 ms to some 200 ms
of init, because the two share most of their imports.
"""

import json
import logging
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

# What writes logs and metrics is imported by the first line: a list on the terminal has none.
if TYPE_CHECKING:
    from aws_lambda_powertools.logging import Logger

LONGEST_EVIDENCE = 2_000
_MAX_READ = 10 * LONGEST_EVIDENCE
REDACTED = "[redacted]"

_SHORTEST_SECRET = 6
_MAX_CONCEALED = 500
_concealed: OrderedDict[str, None] = OrderedDict()

_SECRET_NAMES = re.compile(
    r"secret|token|password|api_?key|authorization|signature|cookie|credential|hashcode",
    re.IGNORECASE,
)
_SECRET_TEXTS = re.compile(
    # A scheme of an Authorization header before a text too long to be a word ...
    r"(?P<scheme>\b(?:bearer|token|basic)\s+)[^\s\"'&,;})\]]{16,}"
    # ... and `name=value` or `"name": "value"`.
    r"|(?P<name>(?:(?:secret|token|password|api_?key|authorization|signature|hashcode)"
    r"[\"']?\s*[=:]\s*[\"']?|[?&]code=))(?:(?:bearer|token|basic)\s)?[^\s\"'&,;})\]]{6,}",
    re.IGNORECASE,
)


Measure = Callable[[Mapping[str, float]], None]
"""Takes metrics of the whole stack by name: each connection with one of its own would cost."""


def emit(figures: Mapping[str, float]) -> None:
    """Write the figures as one log line, from which CloudWatch reads them.

    The unit is the name's last word if it is a unit, otherwise count.
    """
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit  # noqa: PLC0415

    metrics = EphemeralMetrics()
    for name, value in figures.items():
        unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
        metrics.add_metric(name, unit, value)
    metrics.flush_metrics()


def conceal(*secrets: str) -> None:
    """Never let these texts appear in a log line of this process; call it on reading a secret."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            _concealed[secret] = None
            _concealed.move_to_end(secret)
    while len(_concealed) > _MAX_CONCEALED:
        _concealed.popitem(last=False)


def redact(value: Any) -> Any:
    """Return `value` without what is named or looks like a secret; containers are copied."""
    if isinstance(value, Mapping):
        return {name: _redact_field(str(name), inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(inner) for inner in value]
    if isinstance(value, str):
        return redact_text(value)
    return value


def redact_text(text: str) -> str:
    """Return the text without concealed values and without what looks like a secret."""
    for secret in list(_concealed):
        text = text.replace(secret, REDACTED)
    return _SECRET_TEXTS.sub(_keep_the_name, text)


def _keep_the_name(found: re.Match[str]) -> str:
    return f"{found['scheme'] or found['name']}{REDACTED}"


def _redact_field(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name) and not isinstance(value, (bool, int, float, type(None))):
        return REDACTED
    return redact(value)


def evidence(body: bytes) -> str:
    """Return a body's text fit to be kept: no secrets or control characters, not too long."""
    text = body[:_MAX_READ].decode("utf-8", errors="replace").replace('\\"', '"')
    text = redact_text(text).strip()
    return "".join(c for c in text if c.isprintable() or c == "\n")[:LONGEST_EVIDENCE]


def _line(log: Mapping[str, Any]) -> str:
    """Return a log line: one JSON object; traces and messages are redacted like everything else.

    Objects are shown by `str`, after which they are redacted, too.
    """
    text = json.dumps(redact(log), default=str, separators=(",", ":"), ensure_ascii=False)
    return redact_text(text)


class _Stdout(logging.StreamHandler[Any]):
    """Writes to the current standard output: local runs and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


@cache
def logger() -> "Logger":
    """Return this process's logger: `POWERTOOLS_SERVICE_NAME` and `LOG_LEVEL` apply."""
    from aws_lambda_powertools.logging import Logger  # noqa: PLC0415
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter  # noqa: PLC0415

    formatter = LambdaPowertoolsFormatter(json_serializer=_line)
    return Logger(logger_handler=_Stdout(), logger_formatter=formatter)
