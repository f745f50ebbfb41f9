"""What to register at Exact before connecting, as the guide says it."""

from collections.abc import Iterator

from ml_connector.exact.scopes import REGISTERED


def registration_steps(base_url: str, redirect_uri: str) -> Iterator[str]:
    """Yield the lines on how a site's app is registered by a firm for its own stack."""
    yield f"Exact needs an app of yours, registered at {base_url} (each country site has its own):"
    yield "  under 'Register and manage API keys', without a review; your user needs that right."
    yield f"  Redirect URI: {redirect_uri}"
    yield f"  Scopes, where the site asks for them: {', '.join(REGISTERED)}."
    yield "  Whoever consents needs the rights of the Purchase tab, and picks the divisions."
