"""List the suppliers that serve several vendors: a company that stands twice may be paid twice."""

from collections import defaultdict
from typing import Any

from ml_connector.infrastructure.vendor_links import Link
from ml_connector.services import Services
from ml_connector.settings.division_names import find_division
from ml_connector.vendors.review.vendor_states import VendorStates


def shared(services: Services, division: str | None = None) -> list[dict[str, Any]]:
    """Return the suppliers that several vendors are linked to, with these vendors."""
    connection = services.connection
    codes = [each.division for each in connection.divisions]
    states = VendorStates(services)
    found = []
    for code in codes if division is None else [find_division(connection, division)]:
        suppliers = states.suppliers(code)
        links: defaultdict[str, list[Link]] = defaultdict(list)
        for link in services.vendor_links.all(code):
            links[link.supplier].append(link)
        for several in (each for each in links.values() if len(each) > 1):
            supplier = suppliers.get(several[0].supplier)
            found.append(
                {
                    "division": code,
                    "supplier": several[0].supplier,
                    "code": supplier.code if supplier else "",
                    "name": supplier.name if supplier else "",
                    "vendors": [_vendor(states, each) for each in several],
                }
            )
    return sorted(found, key=lambda each: (each["division"], each["name"], each["supplier"]))


def _vendor(states: VendorStates, link: Link) -> dict[str, str]:
    known = states.vendors.get(link.vendor)
    return {
        "vendor": link.vendor,
        "name": known.name if known else "",
        "decided_by": link.decided_by or "automatic",
    }
