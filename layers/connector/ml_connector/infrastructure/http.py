"""Make HTTP clients: every call has time-outs, none follows redirects."""

import logging
import ssl
from http import HTTPStatus

import httpx

# It logs every address at INFO, but a Slack webhook's address is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

# Exact takes seconds for heavy reads; a worker has 60 s for its message.
_TIMEOUT = httpx.Timeout(20.0, connect=5.0, pool=5.0)
_SITE_CHECK_TIMEOUT = httpx.Timeout(5.0)
_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=5)


def client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return a client; `transport` puts a simulator in place of the network.

    The environment's proxies and `.netrc` are ignored: credentials only go to the address given.
    """
    return httpx.Client(
        timeout=_TIMEOUT,
        limits=_LIMITS,
        transport=transport,
        follow_redirects=False,
        trust_env=False,
        verify=_trusted() if transport is None else True,
    )


def site_answers(http: httpx.Client, base_url: str) -> bool:
    """Return whether the site is up: any answer but a temporary fault."""
    try:
        status = http.get(base_url, timeout=_SITE_CHECK_TIMEOUT).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT


def _trusted() -> ssl.SSLContext | bool:
    """Return the system's certificates: loading certifi's costs 20 ms of init in Lambda.

    A Python without system certificates (some on macOS) uses certifi.
    """
    paths = ssl.get_default_verify_paths()
    return ssl.create_default_context() if paths.cafile or paths.capath else True
