"""How what is stored about the divisions of a connection is keyed, with the older keys.

Division codes are unique only within a site, so every key of a division names both: `nl.2101`.
Older versions stored the code alone, because a connection had one site. Until `connector migrate`
has moved what they stored, it is still read, see `SiteKeys.spellings` and `SiteKeys.partition`.
"""

from collections.abc import Callable

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, Division, SiteId, code_of, site_of
from ml_connector.infrastructure.dynamodb import Table

MOVED = "moved"
"""The row that says since when (`at`) a division's reference data are read under its new key."""
FIRST_MOVED = "reading#"
"""The rows that are moved first; a division without any was never read under its old key."""
ASKED_AGAIN_AFTER = 30.0
"""Seconds for which a process goes on using a division's old partition before it looks again."""


class SiteKeys:
    """The keys of one connection's data about its divisions.

    It lives as long as the connection's services: it remembers what was found to be moved.
    """

    def __init__(
        self, id: ConnectionId, first_site: SiteId, is_migrated: Callable[[], bool] = lambda: True
    ) -> None:
        """Form keys; older ones are of divisions of `first_site`.

        `is_migrated`: nothing has older keys any more.
        """
        self.id = id
        self.first_site = first_site
        self._is_migrated = is_migrated
        self._migrated = False
        self._migrated_asked_at = float("-inf")
        self._moved: set[Division] = set()
        self._unmoved_until: dict[Division, float] = {}

    @property
    def has_older(self) -> bool:
        """Return whether there may still be rows with older keys; it reads twice a minute."""
        if not self._migrated and clock.epoch() >= self._migrated_asked_at + ASKED_AGAIN_AFTER:
            self._migrated = self._is_migrated()
            self._migrated_asked_at = clock.epoch()
        return not self._migrated

    def spellings(self, division: Division) -> tuple[str, ...]:
        """Return every way in which a stored key may name the division.

        The older one comes first, and has to be read first: rows are only moved from it to the
        other, so a row that is moved meanwhile is missed in neither.
        """
        if self.has_older and site_of(division) == self.first_site:
            return str(code_of(division)), division
        return (division,)

    def partition(self, reference: Table, division: Division) -> str:
        """Return the partition of the reference table that counts for the division.

        An answer holds for the next call to the table only: see `ASKED_AGAIN_AFTER`.
        """
        if self._is_moved(reference, division):
            return self.new_partition(division)
        return self.old_partition(division)

    def new_partition(self, division: Division) -> str:
        """Return the partition that names the site."""
        return f"{self.id}#{division}"

    def old_partition(self, division: Division) -> str:
        """Return the partition that older versions used."""
        return f"{self.id}#{code_of(division)}"

    def _is_moved(self, reference: Table, division: Division) -> bool:
        if site_of(division) != self.first_site:
            return True
        if division in self._moved or not self.has_older:
            return True
        if clock.epoch() < self._unmoved_until.get(division, float("-inf")):
            return False
        old = reference.query(self.old_partition(division), FIRST_MOVED)
        if next(old, None) is None or reference.get(self.new_partition(division), MOVED):
            self._moved.add(division)
            return True
        self._unmoved_until[division] = clock.epoch() + ASKED_AGAIN_AFTER
        return False
