"""The Exact site of the connections in tests, their app there, and the keys of divisions."""

from ml_connector.domain.ids import AppId, ConnectionId, SiteId
from ml_connector.infrastructure.site_keys import SiteKeys

SITE = SiteId("nl")
APP = AppId(ConnectionId("firm"))


def keys_of(id: ConnectionId) -> SiteKeys:
    """Return the keys of a connection of which nothing was ever stored in an older form."""
    return SiteKeys(id, SITE)
