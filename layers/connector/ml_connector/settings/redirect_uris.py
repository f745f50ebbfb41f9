"""Which addresses Exact accepts to redirect a browser to after consent.

Exact's documentation of API keys: a redirect URI is a public https address; localhost and loopback
addresses are refused.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

_EXACT = "start.exactonline."
_OWN_NAMES = (".localhost", ".local", ".internal")


def is_exacts_own(base_url: str) -> bool:
    """Return whether an address is a site of Exact's own, and not a simulator or another server."""
    return (urlsplit(base_url).hostname or "").startswith(_EXACT)


def is_public(url: str) -> bool:
    """Return whether Exact accepts an address as a redirect URI."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https":
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_OWN_NAMES)
