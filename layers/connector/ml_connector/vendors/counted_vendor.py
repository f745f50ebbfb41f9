"""How often workers took a vendor, or the comparison of both lists, without coming to an end."""

from datetime import timedelta

from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import VendorId
from ml_connector.domain.matching.party import Party
from ml_connector.domain.records import VendorFacts
from ml_connector.records.tracked_record import REVIEW_RETRY, TrackedRecord
from ml_connector.services import Services
from ml_connector.vendors.context import open_vendor

WORKER_LIVES = timedelta(seconds=330)
"""A vendor worker lives at most 300 s."""


class CountedVendor(TrackedRecord[VendorFacts]):
    """A vendor's record as far as its receives are counted."""

    def __init__(self, services: Services, vendor: VendorId) -> None:
        """Read the vendor's record."""
        super().__init__(services.ledger, services.ledger.vendor(vendor))
        self._services = services
        self._vendor = vendor

    def apply_fault(self, fault: Fault, retry_in: timedelta | None = REVIEW_RETRY) -> None:  # noqa: ARG002
        """Store the exception as the vendor's own, of no division."""
        known = Party(self._vendor, self.facts.title)
        vendor = open_vendor(self._services, self._services.ledger, known)
        vendor.apply_fault(fault)
        self.record = vendor.record
