"""A division's reference data loaded at once, to check hundreds of mappings."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from typing import get_args

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.order import Reference
from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Item, Supplier
from ml_connector.infrastructure.reference_store import ReferenceStore, StoredDivisionData
from ml_connector.infrastructure.vendor_links import Link, VendorLinks
from ml_connector.lists.known_codes import KnownCodes
from ml_connector.mapping.kinds import CODE_KINDS, GL_ACCOUNTS, ITEMS, SUPPLIERS
from ml_connector.reference_data.refresh import fresh_since

_FEW_SUPPLIERS = 50


class LoadedDivisionData(StoredDivisionData):
    """`DivisionData` in memory, of which each list is read once; a few suppliers one by one."""

    def __init__(self, data: ReferenceStore, links: VendorLinks, division: Division) -> None:
        """Load the data of one division when first used."""
        super().__init__(data, links, division)
        self._store = data
        self._all_links = partial(links.all, division)
        self._asked = 0
        self._codes_of: dict[str, KnownCodes] = {}

    @cached_property
    def is_read(self) -> bool:
        """Return whether the division's reference data have ever been read from Exact."""
        return fresh_since(self._store) is not None

    @cached_property
    def accounts(self) -> Sequence[GLAccount]:
        """Return all GL accounts."""
        return list(self._store.all("gl_account", GLAccount))

    @cached_property
    def items(self) -> Sequence[Item]:
        """Return all items."""
        return list(self._store.all("item", Item))

    @cached_property
    def codes(self) -> dict[CodeKind, dict[str, Code]]:
        """Return all codes, by kind and code."""
        kinds: tuple[CodeKind, ...] = get_args(CodeKind)
        return {kind: {c.code: c for c in self._store.all(kind, Code)} for kind in kinds}

    def codes_of(self, kind: str) -> KnownCodes:
        """Return the codes in Exact that a kind of mapping may lead to."""
        if kind not in self._codes_of:
            self._codes_of[kind] = KnownCodes(self._read_codes_of(kind))
        return self._codes_of[kind]

    def _read_codes_of(self, kind: str) -> Iterable[str]:
        if kind == GL_ACCOUNTS:
            return (each.code for each in self.accounts)
        if kind == ITEMS:
            return self._items_by_code
        if kind == SUPPLIERS:
            return (each.code for each in self._suppliers_by_key.values())
        return self.codes[CODE_KINDS[kind]]

    @cached_property
    def _accounts_by_key(self) -> dict[str, GLAccount]:
        by_code = {account.code: account for account in reversed(self.accounts)}
        return by_code | {account.id: account for account in self.accounts}

    @cached_property
    def _items_by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.items}

    @cached_property
    def _items_by_code(self) -> dict[str, Item]:
        return {item.code: item for item in reversed(self.items)}

    @cached_property
    def _suppliers_by_key(self) -> dict[str, Supplier]:
        every = list(self._store.all("supplier", Supplier))
        by_code = {each.code: each for each in reversed(every)}
        return by_code | {each.id: each for each in every}

    @cached_property
    def _links_by_vendor(self) -> dict[str, Link]:
        return {each.vendor: each for each in self._all_links()}

    def supplier(self, id_or_code: str) -> Supplier | None:
        """See `DivisionData.supplier`; all are read once many are asked for."""
        self._asked += 1
        if self._asked <= _FEW_SUPPLIERS:
            return super().supplier(id_or_code)
        key = id_or_code.strip()
        return self._suppliers_by_key.get(key) or self._suppliers_by_key.get(key.lower())

    def _link(self, vendor: Reference) -> Link | None:
        if self._asked <= _FEW_SUPPLIERS:
            return super()._link(vendor)
        return self._links_by_vendor.get(vendor.id)

    @cached_property
    def _carriers(self) -> dict[Guid, list[Item]]:
        found: dict[Guid, list[Item]] = defaultdict(list)
        for item in self.items:
            if item.gl_costs:
                found[item.gl_costs].append(item)
        return dict(found)

    def gl_account(self, id_or_code: str) -> GLAccount | None:
        """See `DivisionData.gl_account`."""
        key = id_or_code.strip()
        return self._accounts_by_key.get(key) or self._accounts_by_key.get(key.lower())

    def item(self, id: Guid) -> Item | None:
        """See `DivisionData.item`."""
        return self._items_by_id.get(id)

    def item_with_code(self, code: str) -> Item | None:
        """Return the item with this code."""
        return self._items_by_code.get(code)

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """See `DivisionData.carriers`."""
        return self._carriers.get(gl_account, [])

    def code(self, kind: CodeKind, code: str) -> Code | None:
        """See `DivisionData.code`."""
        return self.codes[kind].get(code)
