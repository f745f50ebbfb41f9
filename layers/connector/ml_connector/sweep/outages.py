"""Which remote systems a connection cannot reach now: Airbase, and Exact site by site."""

from collections.abc import Iterator

from msgspec import Struct

from ml_connector.domain.ids import SiteId
from ml_connector.infrastructure.circuit_breaker import AIRBASE, EXACT, Outage, Remote
from ml_connector.services import Services


class Away(Struct, frozen=True):
    """A remote that is away; `site` names the Exact site, None stands for Airbase."""

    remote: Remote
    site: SiteId | None
    outage: Outage

    @property
    def name(self) -> str:
        """Return what people call the remote."""
        return f"Exact ({self.site})" if self.site else self.remote.name.capitalize()


class Outages(Struct, frozen=True):
    """The outages of a connection, as read at one moment."""

    every: tuple[Away, ...]

    def __iter__(self) -> Iterator[Away]:
        """Yield each outage."""
        return iter(self.every)

    @property
    def of_airbase(self) -> bool:
        """Return whether Airbase is away."""
        return any(each.site is None for each in self.every)

    @property
    def to_probe(self) -> Iterator[Away]:
        """Yield those that are to be probed now; Exact sites that are away at once take turns."""
        sites = [each for each in self.every if each.site]
        for each in self.every:
            turn = (sites.index(each), len(sites)) if each.site else (0, 1)
            if each.outage.probe_is_due(*turn):
                yield each

    def of_site(self, site: SiteId) -> bool:
        """Return whether this Exact site is away."""
        return any(each.site == site for each in self.every)


def read_outages(services: Services) -> Outages:
    """Read the circuit breakers: one read for Airbase, and one for each Exact site."""
    found = [Away(AIRBASE, None, services.airbase_breaker.outage())]
    for each in services.connection.sites:
        outage = services.exact_at(each.site).circuit_breaker.outage()
        found.append(Away(EXACT, each.site, outage))
    return Outages(tuple(each for each in found if each.outage.is_open))
