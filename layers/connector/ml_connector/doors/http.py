"""The one place that makes HTTP clients: every call has time-outs, none follows redirects."""

import httpx

# Exact takes seconds for heavy reads; a worker has 60 s for its whole batch step.
_TIMEOUT = httpx.Timeout(20.0, connect=5.0, pool=5.0)
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
    )
