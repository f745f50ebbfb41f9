"""The Exact site of the connections in tests, and the keys of their divisions."""

from ml_connector.domain.ids import ConnectionId, SiteId
from ml_connector.infrastructure.site_keys import SiteKeys

SITE = SiteId("nl")


def keys_of(id: ConnectionId) -> SiteKeys:
    """Return the keys of a connection's site that was never stored in an older form."""
    return SiteKeys(id, SITE)
