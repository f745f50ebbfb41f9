"""A decision that holds for later orders too: a mapping, or a vendor's link.

Nobody's decision replaces one that somebody else has made since the group is open: then the person
has not seen it. Also not for single orders, which would go otherwise than the rule says.
"""

from collections.abc import Callable
from datetime import datetime

from ml_connector.deeds.deed_ledger import DeedLedger, DeedStack
from ml_connector.domain.ids import Actor, Division, VendorId
from ml_connector.domain.orders.decided import ONLY_ORDERS
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.domain.people import name_of
from ml_connector.domain.records import DeedFacts
from ml_connector.infrastructure.decided_values import MappedValue
from ml_connector.infrastructure.ledger import Ledger, despite_conflicts, vendor_key
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.infrastructure.vendor_links import Link
from ml_connector.mapping.import_export import set_one
from ml_connector.services import Services
from ml_connector.stack import RecordStack
from ml_connector.user_errors import UserError
from ml_connector.vendors.review import decisions as vendor_decisions
from ml_connector.vendors.review.decisions import LinkCheck

_NO_RULE = "this can only be decided for these orders"


def mapped_now(services: Services | None, facts: DeedFacts) -> str:
    """Return what the group's value is mapped to, empty when it is not, or cannot be."""
    division = _division(facts)
    found = services.connection.division(division) if services and division else None
    if not (services and found and facts.kind and facts.airbase) or facts.vendor:
        return ""
    return services.mapping_rows.find(found.mappings, facts.kind, [facts.airbase]) or ""


def begin(stack: DeedStack, ledger: DeedLedger, facts: DeedFacts) -> None:
    """Make the rule that a decision is, if it is one.

    Raises `UserError` when somebody else has decided meanwhile: nothing is changed then.
    """
    services = stack.services_of(ledger.id)
    if facts.for_all:
        despite_conflicts(lambda: _make(stack, services, ledger, facts))
    elif (division := _division(facts)) and facts.code not in ONLY_ORDERS:
        if facts.vendor:
            link = services.vendor_links.get(division, VendorId(facts.vendor))
            link_check(services.reference_store, facts.by, _open_since(facts))(link)
        else:
            _mapping_check(ledger, facts)(mapped_now(services, facts))


def _make(stack: RecordStack, services: Services, ledger: DeedLedger, facts: DeedFacts) -> None:
    division = _division(facts)
    if facts.code in ONLY_ORDERS or not division or not facts.airbase:
        raise UserError(_NO_RULE)
    if not facts.vendor:
        what = (facts.kind, facts.airbase, facts.exact)
        check = _mapping_check(ledger, facts)
        set_one(stack, Actor(facts.by), ledger.id, division, *what, check=check)
    elif not ledger.has_changed(vendor_key(VendorId(facts.vendor))):  # before a crash
        vendor = VendorId(facts.vendor)
        check_link = link_check(services.reference_store, facts.by, _open_since(facts))
        vendor_decisions.link(
            services, ledger, division, vendor, facts.exact, facts.reason, check=check_link
        )


def _division(facts: DeedFacts) -> Division | None:
    return Division(facts.divisions[0]) if len(facts.divisions) == 1 else None


def _mapping_check(ledger: Ledger, facts: DeedFacts) -> Callable[[str], None]:
    """Return what raises `UserError` if what the value is mapped to was decided meanwhile."""
    since = _open_since(facts)

    def check(current: str) -> None:
        if not current:
            return
        value = MappedValue(_division(facts), facts.kind, facts.airbase, current)
        last = ledger.decided.last(value)
        is_seen = last and (last.by == facts.by or (since and last.at < since))
        if not is_seen and (last or current != facts.before):
            raise _mapped_meanwhile(ledger, value)

    return check


def require_seen(ledger: Ledger, by: str, seen: str, value: MappedValue) -> None:
    """Raise `UserError` if somebody else has mapped a value otherwise than the page showed it.

    `value` is as it is mapped now.
    """
    last = ledger.decided.last(value)
    if value.exact not in {"", seen} and not (last and last.by == by):
        raise _mapped_meanwhile(ledger, value)


def _mapped_meanwhile(ledger: Ledger, value: MappedValue) -> UserError:
    what = f"{value.airbase} stands for {value.exact}"
    last = ledger.decided.last(value)
    return _decided(last.by, last.at, what) if last else UserError(f"decided meanwhile: {what}")


def link_check(
    store_of: Callable[[Division], ReferenceStore], by: str, since: datetime | None
) -> LinkCheck:
    """Return what raises `UserError` if another person than `by` has linked a vendor since then.

    None: ever.
    """

    def check(link: Link | None) -> None:
        if link is None or link.decided_by in {"", by} or (since and link.decided_at < since):
            return
        known = store_of(link.division).get("supplier", link.supplier, Supplier)
        supplier = f"{known.code} {known.name}" if known else link.supplier
        raise _decided(link.decided_by, link.decided_at, f"the vendor is {supplier}")

    return check


def _open_since(facts: DeedFacts) -> datetime | None:
    """Return since when the group is open: what was decided before is what it is open over."""
    return datetime.fromisoformat(facts.open_since) if facts.open_since else None


def _decided(by: str, at: datetime, what: str) -> UserError:
    when = f"{at:%Y-%m-%d %H:%M} UTC"
    return UserError(f"decided meanwhile by {name_of(by)}, {when}: {what}")
