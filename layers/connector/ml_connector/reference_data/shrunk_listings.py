"""A listing that suddenly lost most of its rows: what was read before is kept.

Where a right is missing, some endpoints of Exact answer with an empty list. The smaller listing is
taken over only when a person has said that it is right, a later reading agrees, and another call
shows that the endpoint may be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from msgspec.structs import replace as replace_struct

from ml_connector import clock
from ml_connector.domain.faults import Halt, Review
from ml_connector.domain.ids import Division
from ml_connector.domain.orders.reference_data import Code
from ml_connector.domain.records import DivisionFacts, KeptListing
from ml_connector.exact.client import ExactClient
from ml_connector.exact.reference_data import Listing
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.reference_data.division_record import DivisionReadings

_LARGE = 10
"""From so many rows on, a loss of more than half is doubted; of all rows, always."""


class ShrunkListings:
    """Decides about the listings of one division, as they are read."""

    def __init__(
        self,
        exact_client: ExactClient,
        division: Division,
        data: ReferenceStore,
        readings: DivisionReadings,
    ) -> None:
        """Compare with what `data` has; what is kept is on the division's record."""
        self._exact_client = exact_client
        self._division = division
        self._data = data
        self._readings = readings

    def may_replace(self, listing: Listing, found: Sequence[Code]) -> bool:
        """Return whether the rows just read replace those stored."""
        stored = len({each.code for each in self._data.all(listing.kind, Code)})
        kept = self._readings.facts.kept.get(listing.path)
        if not _is_doubtful(stored, len(found)):
            if kept:
                self._store(listing.path, None, "listing_whole")
            return True
        if kept is None:
            self._store(listing.path, KeptListing(stored, len(found), clock.now()), "listing_kept")
            return False
        # Agrees: as many rows as were found before, or fewer.
        agreed = clock.now() if len(found) <= kept.found else None
        if agreed and kept.confirmed and self._is_readable(listing, len(found)):
            self._store(listing.path, None, "listing_taken_over")
            return True
        after = replace_struct(kept, stored=stored, found=len(found), agreed_at=agreed)
        self._store(listing.path, after, "listing_kept")
        return False

    def _is_readable(self, listing: Listing, found: int) -> bool:
        """Ask once more, for one row: it is there only if any are, and nothing is refused."""
        query = {"$select": listing.select, "$top": "1"}
        try:
            rows = list(self._exact_client.rows(self._division, listing.path, query))
        except (Halt, Review):
            return False
        return bool(rows) == bool(found)

    def _store(self, path: str, kept: KeptListing | None, step: str) -> None:
        def change(facts: DivisionFacts) -> DivisionFacts:
            others: Mapping[str, KeptListing] = {
                where: each for where, each in facts.kept.items() if where != path
            }
            return replace(facts, kept={**others, path: kept} if kept else others)

        self._readings.change(change, step)


def _is_doubtful(stored: int, found: int) -> bool:
    return found < stored and (found == 0 or (stored >= _LARGE and found * 2 < stored))
