"""Long texts made short: DynamoDB takes 400 KB an item."""

import base64
import zlib

_LONGEST_PLAIN = 50_000


def pack(text: str) -> str:
    """Return JSON text as it is, or compressed when it is long."""
    if len(text) <= _LONGEST_PLAIN:
        return text
    return base64.b64encode(zlib.compress(text.encode())).decode()


def unpack(text: str) -> str:
    """Return the JSON text that was packed."""
    return text if text.startswith("{") else zlib.decompress(base64.b64decode(text)).decode()
