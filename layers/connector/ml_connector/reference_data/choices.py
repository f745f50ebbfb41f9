"""What a person may choose from in a division: accounts, suppliers, items and codes, by words.

Read from what is stored, and little of it: of suppliers and items, of which there may be a hundred
thousand, those that begin with what was typed; and of suppliers the first two thousand.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from difflib import SequenceMatcher
from itertools import chain, islice

from msgspec import Struct

from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.reference_data import (
    Code,
    CodeKind,
    GLAccount,
    Item,
    Supplier,
    is_active,
)
from ml_connector.infrastructure.reference_store import ReferenceStore, plain_name

MOST = 12
_READ, _READ_OF_ALL = 60, 2_000
_CODES: Mapping[str, CodeKind] = {
    "cost_centres": "cost_centre", "cost_units": "cost_unit", "projects": "project",
    "vat_codes": "vat_code", "payment_conditions": "payment_condition",
}  # fmt: skip


class Choice(Struct, frozen=True):
    """Something that may be chosen: `exact` is what a mapping names."""

    exact: str
    code: str
    name: str


def find_choices(
    store: ReferenceStore, kind: str, typed: str, like: str, day: date
) -> list[Choice]:
    """Return up to `MOST` that can be used on this day, best first.

    `kind` is that of a mapping. Without anything `typed`: those most `like` a name or code.
    """
    wanted = typed.strip() or like
    found = _READERS.get(kind, _codes)(store, kind, wanted, day)
    unique = list({each.exact: each for each in found}.values())
    ranked = sorted(unique, key=lambda each: (-_likeness(wanted, each), each.code))
    if typed.strip():
        words = plain_name(typed).split()
        ranked = [each for each in ranked if _has(each, words)]
    return ranked[:MOST]


def is_certain(like: str, choice: Choice) -> bool:
    """Return whether a choice has the very code or name, so that it can be chosen beforehand."""
    return bool(like) and _likeness(like, choice) >= 1.0


def _likeness(wanted: str, choice: Choice) -> float:
    """Return 1 for the same code or name, and less the less they have in common."""
    text = plain_name(wanted)
    if not text:
        return 0.0
    if text in {plain_name(choice.code), plain_name(choice.name)}:
        return 1.0
    return SequenceMatcher(None, text, plain_name(choice.name)).ratio() * 0.99


def _has(choice: Choice, words: Iterable[str]) -> bool:
    text = f"{plain_name(choice.code)} {plain_name(choice.name)}"
    return all(word in text for word in words)


def _accounts(store: ReferenceStore, _: str, __: str, ___: date) -> Iterator[Choice]:
    for each in islice(store.all("gl_account", GLAccount), _READ_OF_ALL):
        if not (each.is_blocked or each.unreadable):
            yield Choice(each.code, each.code, each.description)


def _suppliers(store: ReferenceStore, _: str, wanted: str, day: date) -> Iterator[Choice]:
    """Yield those whose code or name begins with it; and of the first ones every one."""
    name = plain_name(wanted)
    first = name.partition(" ")[0]
    prefixes = [f"supplier-code#{wanted.strip()}"] if wanted.strip() else []
    prefixes += [f"supplier-name#{each}" for each in dict.fromkeys([name, first]) if each]
    begin = (store.get("supplier", id, Supplier) for id in _targets(store, prefixes))
    for each in chain(begin, islice(store.all("supplier", Supplier), _READ_OF_ALL)):
        if each and each.is_usable_on(day) and not each.unreadable:
            yield Choice(each.id, each.code.strip(), each.name)


def _items(store: ReferenceStore, _: str, wanted: str, day: date) -> Iterator[Choice]:
    """Yield the items that book to the account with the wanted code, or have this code."""
    accounts = list(store.targets(f"gl_account-code#{wanted.strip()}#"))
    prefixes = [f"carrier#{id}#" for id in accounts] + [f"item-code#{wanted.strip()}"]
    for id in _targets(store, prefixes):
        each = store.get("item", id, Item)
        if each and each.is_carrier_on(day) and not each.unreadable:
            yield Choice(each.id, each.code.strip(), each.description)


def _codes(store: ReferenceStore, kind: str, _: str, day: date) -> Iterator[Choice]:
    named = _CODES.get(kind)
    for each in islice(store.all(named, Code), _READ_OF_ALL) if named else ():
        is_usable = not each.is_blocked and is_active(None, each.end, day)
        if is_usable and each.is_for_purchase and not each.unreadable:
            yield Choice(each.code, each.code, each.description)


def _targets(store: ReferenceStore, prefixes: Iterable[str]) -> Iterator[Guid]:
    found = (id for prefix in prefixes for id in islice(store.targets(prefix), _READ))
    return (Guid(id) for id in dict.fromkeys(found))


_READERS: Mapping[str, Callable[[ReferenceStore, str, str, date], Iterator[Choice]]] = {
    "gl_accounts": _accounts,
    "suppliers": _suppliers,
    "items": _items,
}
