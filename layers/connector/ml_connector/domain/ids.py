"""The identifiers of both systems, each with a type of its own so that none is confused."""

from typing import NewType

ConnectionId = NewType("ConnectionId", str)
"""One customer: an Airbase tenant joined to an Exact site; lower-case letters, digits, dashes."""

OrderId = NewType("OrderId", str)
"""Airbase's id of an approved purchase order (opaque text)."""

VendorId = NewType("VendorId", str)
"""Airbase's `airbase_id` of a vendor."""

SiteId = NewType("SiteId", str)
"""Exact's server for one country, by the end of its host name: `nl`, `co.uk`. No "#" in it."""

Division = NewType("Division", int)
"""Exact's division code: part of every path, and unique within its site."""

Guid = NewType("Guid", str)
"""An Exact key in lower case, without braces."""

RecordKey = NewType("RecordKey", str)
"""A record that is audited: `order#<id>`, `vendor#<id>`, `event#<key>` or `connection`."""

Actor = NewType("Actor", str)
"""Who acts, as the audit trail names them: a function, or a person by their identity."""


def division_key(site: SiteId | None, division: Division) -> str:
    """Return how keys and facts name a division of a site: `nl.2101`.

    Without a site it is the form in which older versions stored it: `2101`.
    """
    return f"{site}.{division}" if site else str(division)


def parse_division_key(key: str) -> tuple[SiteId | None, Division]:
    """Return what `division_key` named; raises `ValueError` for another text."""
    site, _, division = key.rpartition(".")
    return SiteId(site) or None, Division(int(division))
