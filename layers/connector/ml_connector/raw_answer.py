"""A remote's answer as it came, fit to be kept as evidence of an exception."""

from ml_connector.telemetry import redact_text

LONGEST = 2_000
_LOOKED_AT = 10 * LONGEST


def kept(body: bytes) -> str:
    """Return the body's text: without secrets and control characters, of at most `LONGEST`."""
    text = body[:_LOOKED_AT].decode("utf-8", errors="replace").replace('\\"', '"')
    text = redact_text(text).strip()
    return "".join(c for c in text if c.isprintable() or c == "\n")[:LONGEST]
