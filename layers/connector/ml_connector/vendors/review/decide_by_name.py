"""Decide about vendors by the names people use: accept, reject, link by hand, unlink."""

from collections.abc import Iterator
from typing import Any

from ml_connector.domain.ids import Actor, Division, VendorId
from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.domain.words import command
from ml_connector.infrastructure.vendor_links import ProposedSupplier, SupplierProposals
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.stack import RecordStack
from ml_connector.user_errors import UserError, safe_lines
from ml_connector.vendors.review import decisions
from ml_connector.vendors.review.decisions import LinkCheck
from ml_connector.vendors.review.find import (
    as_key,
    find_supplier,
    find_vendor,
    one_division,
    require_supplier,
)
from ml_connector.vendors.review.vendor_states import waiting_by_vendor


def accept(
    stack: RecordStack,
    actor: Actor,
    id: str,
    vendor: str,
    division: str | None = None,
    supplier: str | None = None,
    *,
    check: LinkCheck = lambda _: None,
) -> dict[str, Any]:
    """Link the vendor to the best candidate, or to the one named; return what it is linked to.

    Raise `UserError` when nothing is proposed, the named supplier is not, or none is named and
    several fit equally well.
    """
    services = stack.services_of(id)
    connection = services.connection
    party = find_vendor(services, vendor)
    vendor_id = VendorId(party.id)
    proposals = {
        each: _candidates(services.supplier_proposals, each, vendor_id)
        for each in _codes(connection)
    }
    chosen = {code: _chosen(candidates, supplier) for code, candidates in proposals.items()}
    possible = [code for code, each in chosen.items() if each]
    code = one_division(connection, division, possible, _not_proposed(connection, party, supplier))
    found = chosen[code]
    if found is None:
        raise UserError(*safe_lines(_not_proposed(connection, party, supplier, code)))
    if supplier is None:
        _refuse_equals(proposals[code])
    waiting = waiting_by_vendor(services.ledger).get((vendor_id, code), [])
    ledger = stack.ledger_of(actor, services.id)
    decisions.accept(services, ledger, code, vendor_id, found.id, check=check)
    known = services.reference_store(code).get("supplier", found.id, Supplier)
    return _result(connection, party, code, known or found) | {"orders": list(waiting)}


def reject(
    stack: RecordStack,
    actor: Actor,
    id: str,
    vendor: str,
    supplier: str,
    reason: str,
    division: str | None = None,
    *,
    check: LinkCheck = lambda _: None,
) -> dict[str, Any]:
    """Record that the vendor is not this supplier; a link between the two is removed.

    It holds until the data of one of them change. Raise `UserError` or `Review` when one of them is
    unknown.
    """
    _require_reason(reason)
    services = stack.services_of(id)
    connection = services.connection
    party = find_vendor(services, vendor)
    vendor_id = VendorId(party.id)
    codes = list(_codes(connection))
    possible = [each for each in codes if _linked_or_proposed(services, each, vendor_id, supplier)]
    otherwise = f"{supplier} is neither linked to {party.name} nor proposed: give --division"
    only = codes if len(codes) == 1 else possible
    code = one_division(connection, division, only, otherwise)
    found = _linked_or_proposed(services, code, vendor_id, supplier)
    other = found or require_supplier(services.division_data(code), code, supplier)
    ledger = stack.ledger_of(actor, services.id)
    decisions.reject(services, ledger, code, vendor_id, other.id, reason, check=check)
    return _result(connection, party, code, other)


def link(
    stack: RecordStack,
    actor: Actor,
    id: str,
    vendor: str,
    supplier: str,
    reason: str,
    division: str | None = None,
    *,
    check: LinkCheck = lambda _: None,
) -> dict[str, Any]:
    """Link the vendor to the supplier with this GUID or account code, proposed or not.

    Raise `UserError` or `Review` when that is not possible.
    """
    _require_reason(reason)
    services = stack.services_of(id)
    connection = services.connection
    party = find_vendor(services, vendor)
    vendor_id = VendorId(party.id)
    codes = list(_codes(connection))
    possible = [each for each in codes if find_supplier(services.division_data(each), supplier)]
    otherwise = f"no division of {connection.id} has a supplier {supplier!r}, by GUID or by code"
    code = one_division(connection, division, possible, otherwise)
    found = require_supplier(services.division_data(code), code, supplier)
    waiting = waiting_by_vendor(services.ledger).get((vendor_id, code), [])
    ledger = stack.ledger_of(actor, services.id)
    decisions.link(services, ledger, code, vendor_id, found.id, reason, check=check)
    return _result(connection, party, code, found) | {"orders": list(waiting)}


def unlink(
    stack: RecordStack, actor: Actor, id: str, vendor: str, reason: str, division: str | None = None
) -> dict[str, Any]:
    """Remove the vendor's link and reject the pair; its orders wait.

    Raise `UserError` or `Review` when it is not linked.
    """
    _require_reason(reason)
    services = stack.services_of(id)
    connection = services.connection
    party = find_vendor(services, vendor)
    vendor_id = VendorId(party.id)
    links = {
        code: current
        for code in _codes(connection)
        if (current := services.vendor_links.get(code, vendor_id))
    }
    code = one_division(connection, division, links, f"{party.name} is not linked")
    decisions.unlink(services, stack.ledger_of(actor, services.id), code, vendor_id, reason)
    current = links[code]
    known = find_supplier(services.division_data(code), current.supplier)
    return _result(
        connection, party, code, known or ProposedSupplier(current.supplier, "", "", 0.0)
    )


def _codes(connection: Connection) -> Iterator[Division]:
    return (each.division for each in connection.divisions)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise UserError("--reason is empty: give a reason")


def _candidates(
    proposals: SupplierProposals, division: Division, vendor: VendorId
) -> tuple[ProposedSupplier, ...]:
    proposal = proposals.get(division, vendor)
    return proposal.candidates if proposal else ()


def _chosen(
    candidates: tuple[ProposedSupplier, ...], supplier: str | None
) -> ProposedSupplier | None:
    wanted = supplier and as_key(supplier)
    return next((each for each in candidates if wanted in {None, each.id, each.code}), None)


def _refuse_equals(candidates: tuple[ProposedSupplier, ...]) -> None:
    """Refuse to choose among equally good candidates: a wrong link pays the wrong supplier."""
    best = [each for each in candidates if each.score == candidates[0].score]
    if len(best) > 1:
        names = ", ".join(f"{each.code} {each.name}" for each in best)
        raise UserError(*safe_lines(f"give --supplier: these fit equally well: {names}"))


def _not_proposed(
    connection: Connection, vendor: Party, supplier: str | None, division: Division | None = None
) -> str:
    what = f"{supplier} is not proposed" if supplier else "nothing is proposed"
    where = f" in division {division}" if division else ""
    words = [connection.id, vendor.id, supplier or "SUPPLIER", "--reason", "REASON"]
    words += ["--division", division] if division else []
    by_hand = command("vendors", "link", *words)
    return f"{what} for {vendor.name}{where}; to link it anyway: {by_hand}"


def _linked_or_proposed(
    services: Services, division: Division, vendor: VendorId, supplier: str
) -> Supplier | ProposedSupplier | None:
    """Return a supplier that is linked or proposed, even if Exact no longer has it."""
    proposed = _chosen(_candidates(services.supplier_proposals, division, vendor), supplier)
    if proposed:
        return proposed
    current = services.vendor_links.get(division, vendor)
    found = find_supplier(services.division_data(division), supplier)
    if current and current.supplier == (found.id if found else as_key(supplier)):
        return found or ProposedSupplier(current.supplier, "", "", 0.0)
    return None


def _result(
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
