"""What a person decides about a vendor: accept a proposal, reject, link by hand, unlink."""

from collections.abc import Iterator
from typing import Any

from connector_cli.actions.vendors.names import (
    as_key,
    find_supplier,
    find_vendor,
    need_supplier,
    one_division,
)
from connector_cli.actions.vendors.standings import waiting_by_vendor
from connector_cli.complaints import Complaint, safe_lines
from connector_cli.stack import Stack
from ml_connector.connection import Connection
from ml_connector.doors.links import ProposedSupplier
from ml_connector.ids import Division, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Party
from ml_connector.workflows.vendors import decisions as workflow


def accept(
    stack: Stack,
    id: str,
    vendor: str,
    division: int | None = None,
    supplier: str | None = None,
) -> dict[str, Any]:
    """Link the vendor to the best candidate, or to the one named; say what it is linked to.

    Raises `Complaint` when nothing is proposed, another supplier than the one named, or several
    equally and none is named.
    """
    connection = stack.connection(id)
    party = find_vendor(stack, connection, vendor)
    name = VendorId(party.id)
    proposals = {each: _offered(stack, connection, each, name) for each in _codes(connection)}
    chosen = {code: _chosen(offered, supplier) for code, offered in proposals.items()}
    meant = [code for code, each in chosen.items() if each]
    code = one_division(connection, division, meant, _not_proposed(connection, party, supplier))
    found = chosen[code]
    if found is None:
        raise Complaint(*safe_lines(_not_proposed(connection, party, supplier, code)))
    if supplier is None:
        _refuse_equals(proposals[code])
    waiting = waiting_by_vendor(stack, connection).get((name, code), [])
    workflow.accept(stack.doors, stack.signed, connection.id, code, name, found.id)
    known = stack.doors.data(connection.id, code).get("supplier", found.id, Supplier)
    return _told(connection, party, code, known or found) | {"orders": list(waiting)}


def reject(
    stack: Stack, id: str, vendor: str, supplier: str, reason: str, division: int | None = None
) -> dict[str, Any]:
    """Remember that the vendor is not this supplier; a link between the two is taken away.

    It holds until the data of one of them change. Raises `Complaint` or `Review` when one of them
    is not known.
    """
    _need_reason(reason)
    connection = stack.connection(id)
    party = find_vendor(stack, connection, vendor)
    name = VendorId(party.id)
    codes = list(_codes(connection))
    meant = [each for each in codes if _known_here(stack, connection, each, name, supplier)]
    otherwise = f"{supplier} is neither linked to {party.name} nor proposed: say --division"
    only = codes if len(codes) == 1 else meant
    code = one_division(connection, division, only, otherwise)
    found = _known_here(stack, connection, code, name, supplier)
    other = found or need_supplier(stack, connection, code, supplier)
    workflow.reject(stack.doors, stack.signed, connection.id, code, name, other.id, reason)
    return _told(connection, party, code, other)


def link(
    stack: Stack, id: str, vendor: str, supplier: str, reason: str, division: int | None = None
) -> dict[str, Any]:
    """Link the vendor to the supplier with this GUID or account code, whatever is proposed.

    Raises `Complaint` or `Review` when that cannot be.
    """
    _need_reason(reason)
    connection = stack.connection(id)
    party = find_vendor(stack, connection, vendor)
    name = VendorId(party.id)
    codes = list(_codes(connection))
    meant = [each for each in codes if find_supplier(stack, connection, each, supplier)]
    otherwise = f"no division of {connection.id} has a supplier {supplier!r}, by GUID or by code"
    code = one_division(connection, division, meant, otherwise)
    found = need_supplier(stack, connection, code, supplier)
    waiting = waiting_by_vendor(stack, connection).get((name, code), [])
    workflow.link(stack.doors, stack.signed, connection.id, code, name, found.id, reason)
    return _told(connection, party, code, found) | {"orders": list(waiting)}


def unlink(
    stack: Stack, id: str, vendor: str, reason: str, division: int | None = None
) -> dict[str, Any]:
    """Take the vendor's link away and reject the pair; its orders wait.

    Raises `Complaint` or `Review` when it is not linked.
    """
    _need_reason(reason)
    connection = stack.connection(id)
    party = find_vendor(stack, connection, vendor)
    name = VendorId(party.id)
    links = {
        code: held
        for code in _codes(connection)
        if (held := stack.doors.links.get(connection.id, code, name))
    }
    code = one_division(connection, division, links, f"{party.name} is not linked")
    workflow.unlink(stack.doors, stack.signed, connection.id, code, name, reason)
    held = links[code]
    known = find_supplier(stack, connection, code, held.supplier)
    return _told(connection, party, code, known or ProposedSupplier(held.supplier, "", "", 0.0))


def _codes(connection: Connection) -> Iterator[Division]:
    return (each.division for each in connection.divisions)


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise Complaint("say why: --reason is empty")


def _offered(
    stack: Stack, connection: Connection, division: Division, vendor: VendorId
) -> tuple[ProposedSupplier, ...]:
    proposal = stack.doors.proposals.get(connection.id, division, vendor)
    return proposal.candidates if proposal else ()


def _chosen(offered: tuple[ProposedSupplier, ...], supplier: str | None) -> ProposedSupplier | None:
    wanted = supplier and as_key(supplier)
    return next((each for each in offered if wanted in {None, each.id, each.code}), None)


def _refuse_equals(offered: tuple[ProposedSupplier, ...]) -> None:
    """Which of several equals comes first is chance, and a wrong link pays the wrong supplier."""
    best = [each for each in offered if each.score == offered[0].score]
    if len(best) > 1:
        names = ", ".join(f"{each.code} {each.name}" for each in best)
        raise Complaint(*safe_lines(f"say --supplier: these fit equally well: {names}"))


def _not_proposed(
    connection: Connection, vendor: Party, supplier: str | None, division: Division | None = None
) -> str:
    what = f"{supplier} is not proposed" if supplier else "nothing is proposed"
    where = f" in division {division}" if division else ""
    verb = f"`connector vendors link {connection.id}`"
    return f"{what} for {vendor.name}{where}; to link it all the same: {verb}"


def _known_here(
    stack: Stack, connection: Connection, division: Division, vendor: VendorId, supplier: str
) -> Supplier | ProposedSupplier | None:
    """Return a supplier that is linked or proposed; one that Exact no longer has counts too."""
    offered = _chosen(_offered(stack, connection, division, vendor), supplier)
    if offered:
        return offered
    held = stack.doors.links.get(connection.id, division, vendor)
    found = find_supplier(stack, connection, division, supplier)
    if held and held.supplier == (found.id if found else as_key(supplier)):
        return found or ProposedSupplier(held.supplier, "", "", 0.0)
    return None


def _told(
    connection: Connection,
    vendor: Party,
    division: Division,
    supplier: Supplier | ProposedSupplier,
) -> dict[str, Any]:
    return {
        "connection": connection.id,
        "vendor": vendor.id,
        "name": vendor.name,
        "division": division,
        "supplier": {"id": supplier.id, "code": supplier.code, "name": supplier.name},
    }
