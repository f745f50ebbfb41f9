"""Which addresses Exact redirects to, and which servers are Exact's own."""

import pytest

from ml_connector.settings.redirect_uris import is_exacts_own, is_public


@pytest.mark.parametrize(
    "url",
    [
        "https://abc123.execute-api.eu-central-1.amazonaws.com/oauth/exact",
        "https://connector.example/back?x=1",
        "https://8.8.8.8/back",
        "https://connector.example.:8443/",
    ],
)
def test_public_https_addresses(url: str) -> None:
    assert is_public(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://connector.example/back",
        "http://127.0.0.1:8000/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost:8443/",
        "https://connector.localhost/",
        "https://connector/",
        "https://printer.local/",
        "https://10.1.2.3/",
        "https://192.168.1.4/",
        "https://169.254.169.254/",
        "https://0.0.0.0/",
        "https://",
        "",
    ],
)
def test_addresses_that_exact_refuses(url: str) -> None:
    assert not is_public(url)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://start.exactonline.nl", True),
        ("https://start.exactonline.co.uk", True),
        ("https://START.exactonline.de", True),
        ("http://127.0.0.1:8000", False),
        ("https://exact.test", False),
        ("https://example.test/start.exactonline.nl", False),
    ],
)
def test_servers_of_exacts_own(url: str, *, own: bool) -> None:
    assert is_exacts_own(url) is own
