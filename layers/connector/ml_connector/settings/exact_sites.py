"""Exact's sites, and which one settings name: without the models of settings."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from ml_connector.domain.ids import SiteId

EXACT_SITES = ("nl", "be", "de", "fr", "es", "co.uk", "com")
ANOTHER_SITE = SiteId("other")
"""The site of a connection to a server that is none of Exact's own."""
HOST = "start.exactonline."
"""How the name of each of Exact's own servers begins."""


Language = Literal["en", "nl", "de", "fr", "es"]
ZONES: Mapping[str, str] = {
    "nl": "Europe/Amsterdam",
    "be": "Europe/Brussels",
    "de": "Europe/Berlin",
    "fr": "Europe/Paris",
    "es": "Europe/Madrid",
    "co.uk": "Europe/London",
}
"""The time zone of a site's country; the United States have several."""


LANGUAGES: Mapping[str, Language] = {"nl": "nl", "be": "nl", "de": "de", "fr": "fr", "es": "es"}
"""The language that is proposed for a site: a guess, which a person confirms. Elsewhere English."""


def site_at(base_url: str) -> SiteId:
    """Return the site of Exact's own that has this address, else `ANOTHER_SITE`."""
    host = urlsplit(base_url).hostname
    named = (SiteId(site) for site in EXACT_SITES if host == f"{HOST}{site}")
    return next(named, ANOTHER_SITE)
