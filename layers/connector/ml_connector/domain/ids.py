"""The identifiers of both systems, each with a type of its own so that none is confused."""

from typing import NewType

ConnectionId = NewType("ConnectionId", str)
"""One customer: an Airbase tenant joined to an Exact site; lower-case letters, digits, dashes."""

OrderId = NewType("OrderId", str)
"""Airbase's id of an approved purchase order (opaque text)."""

VendorId = NewType("VendorId", str)
"""Airbase's `airbase_id` of a vendor."""

Division = NewType("Division", int)
"""Exact's division code: part of every path."""

Guid = NewType("Guid", str)
"""An Exact key in lower case, without braces."""

RecordKey = NewType("RecordKey", str)
"""A record that is audited: `order#<id>`, `vendor#<id>`, `event#<key>` or `connection`."""

Actor = NewType("Actor", str)
"""Who acts, as the audit trail names them: a function, or a person by their identity."""
