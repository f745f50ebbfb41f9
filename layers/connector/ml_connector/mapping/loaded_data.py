"""A division's reference data loaded at once, to check hundreds of mappings."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import get_args

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Item
from ml_connector.infrastructure.reference_store import ReferenceStore, StoredDivisionData
from ml_connector.infrastructure.vendor_links import VendorLinks
from ml_connector.reference_data.refresh import fresh_since


class LoadedDivisionData(StoredDivisionData):
    """`DivisionData` with GL accounts, items and codes in memory; suppliers are read one by one."""

    def __init__(self, data: ReferenceStore, links: VendorLinks, division: Division) -> None:
        """Load the data of one division when first used."""
        super().__init__(data, links, division)
        self._store = data

    @property
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

    @cached_property
    def _accounts_by_key(self) -> dict[str, GLAccount]:
        by_code = {account.code: account for account in reversed(self.accounts)}
        return by_code | {account.id: account for account in self.accounts}

    @cached_property
    def _items_by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.items}

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
        return next((item for item in self.items if item.code == code), None)

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """See `DivisionData.carriers`."""
        return self._carriers.get(gl_account, [])

    def code(self, kind: CodeKind, code: str) -> Code | None:
        """See `DivisionData.code`."""
        return self.codes[kind].get(code)
