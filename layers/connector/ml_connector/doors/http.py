"""The one place that makes HTTP clients: every call has time-outs, none follows redirects."""

import logging
import ssl
from http import HTTPStatus

import httpx

# It logs every address at INFO, and that of a Slack webhook is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

# Exact takes seconds for heavy reads; a worker has 60 s for its message.
_TIMEOUT = httpx.Timeout(20.0, connect=5.0, pool=5.0)
_KNOCK = httpx.Timeout(5.0)
_LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=5)


def client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return a client; `transport` puts a simulator in place of the network.

    Proxies and `.netrc` of the environment are ignored: credentials go where they are sent.
    """
    return httpx.Client(
        timeout=_TIMEOUT,
        limits=_LIMITS,
        transport=transport,
        follow_redirects=False,
        trust_env=False,
        verify=_trusted() if transport is None else True,
    )


def answers(http: httpx.Client, base_url: str) -> bool:
    """Return whether something useful is at this address: any answer but a passing fault."""
    try:
        status = http.get(base_url, timeout=_KNOCK).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT


def _trusted() -> ssl.SSLContext | bool:
    """Trust what the system trusts, as Lambda keeps it: finding certifi's copy costs 20 ms of init.

    A Python without certificates of its own (some on macOS) is left to certifi.
    """
    paths = ssl.get_default_verify_paths()
    return ssl.create_default_context() if paths.cafile or paths.capath else True
