"""Compress long texts: a DynamoDB item holds at most 400 KB."""

import base64
import zlib

_MAX_PLAIN_LENGTH = 50_000


def compress(text: str) -> str:
    """Return JSON text as it is, or compressed when long."""
    if len(text) <= _MAX_PLAIN_LENGTH:
        return text
    return base64.b64encode(zlib.compress(text.encode())).decode()


def decompress(text: str) -> str:
    """Return the JSON text given to `compress`."""
    return text if text.startswith("{") else zlib.decompress(base64.b64decode(text)).decode()
