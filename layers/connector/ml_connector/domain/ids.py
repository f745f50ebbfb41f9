"""The identifiers of both systems, each with a type of its own so that none is confused."""

from typing import NewType, TypeAlias

ConnectionId = NewType("ConnectionId", str)
"""One customer: an Airbase tenant joined to Exact sites; lower-case letters, digits, dashes."""

AppId = NewType("AppId", ConnectionId)
"""Under which name a customer's app at one Exact site is kept: `firm`, or `firm.be`.

Its secrets, tokens and webhook address are named by it. The site that a connection had first has
the connection's own id.
"""

OrderId = NewType("OrderId", str)
"""Airbase's id of an approved purchase order (opaque text)."""

VendorId = NewType("VendorId", str)
"""Airbase's `airbase_id` of a vendor."""

SiteId = NewType("SiteId", str)
"""Exact's server for one country, by the end of its host name: `nl`, `co.uk`. No "#" in it."""

DivisionCode = NewType("DivisionCode", int)
"""Exact's number of a division: part of every path, and unique within its site only."""

Division = NewType("Division", str)
"""An Exact division, by its site and code: `nl.2101`. Made by `division_at`."""

Scope: TypeAlias = Division | SiteId | None
"""What a halt stops: a division, a whole site, or (None) everything of the connection."""

Guid = NewType("Guid", str)
"""An Exact key in lower case, without braces."""

RecordKey = NewType("RecordKey", str)
"""A record that is audited: `order#<id>`, `vendor#<id>`, `event#<key>` or `connection`."""

Actor = NewType("Actor", str)
"""Who acts, as the audit trail names them: a function, or a person by their identity."""


def division_at(site: SiteId, code: int) -> Division:
    """Return the division of a site that has this code."""
    return Division(f"{site}.{code}")


def app_at(connection: ConnectionId, site: SiteId) -> AppId:
    """Return the name of the app at a site that the connection did not have first."""
    return AppId(ConnectionId(f"{connection}.{site}"))


def connection_of(app: AppId) -> ConnectionId:
    """Return the connection that an app belongs to."""
    return ConnectionId(app.partition(".")[0])


def further_site_of(app: AppId) -> str:
    """Return the site in the name of an app; empty for the one that the connection had first."""
    return app.partition(".")[2]


def site_of(division: Division) -> SiteId:
    """Return the site of a division."""
    return SiteId(division.rpartition(".")[0])


def code_of(division: Division) -> DivisionCode:
    """Return Exact's own number of a division."""
    return DivisionCode(int(division.rpartition(".")[2]))


def is_division(scope: Scope) -> bool:
    """Return whether a halt stops a division, and not a site or everything."""
    return scope is not None and scope[-1:].isdecimal()


def site_in(scope: Scope) -> SiteId | None:
    """Return the site of what a halt stops, None when that is everything."""
    if not scope:
        return None
    return site_of(Division(scope)) if is_division(scope) else SiteId(scope)


def named_scope(where: str) -> str:
    """Return what people call what a halt stops: "division nl.2101", "site nl"; else empty."""
    if not where:
        return ""
    return f"division {where}" if is_division(Division(where)) else f"site {where}"


def halting_keys(division: Division) -> tuple[str, SiteId, Division]:
    """Return the keys of the halts that stop a division: of everything, its site, itself."""
    return "", site_of(division), division


def parse_division(key: str, site: SiteId) -> Division:
    """Return the division that a stored key names: `nl.2101`, or without its site `2101`.

    Older versions stored the code alone, because a connection had one site: `site`. Raises
    `ValueError` for another text.
    """
    known, _, code = key.rpartition(".")
    return division_at(SiteId(known or site), int(code))
