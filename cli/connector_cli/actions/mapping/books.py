"""A division's books read at once: for looking at hundreds of things, not at one order."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import get_args

from ml_connector.doors.links import Links
from ml_connector.doors.reference import DivisionBooks, ReferenceData
from ml_connector.ids import ConnectionId, Division, Guid
from ml_connector.purchase_orders.books import Code, CodeKind, GLAccount, Item
from ml_connector.workflows.upkeep.refresh import fresh_since


class LoadedBooks(DivisionBooks):
    """`Books` with GL accounts, items and codes in memory; suppliers are looked up one by one."""

    def __init__(
        self,
        data: ReferenceData,
        links: Links,
        connection: ConnectionId,
        division: Division,
    ) -> None:
        """Answer for one division of one connection."""
        super().__init__(data, links, connection, division)
        self._from = data

    @property
    def is_read(self) -> bool:
        """Return whether the division's reference data have ever been read from Exact."""
        return fresh_since(self._from) is not None

    @cached_property
    def accounts(self) -> Sequence[GLAccount]:
        """Return all GL accounts."""
        return list(self._from.every("gl_account", GLAccount))

    @cached_property
    def items(self) -> Sequence[Item]:
        """Return all items."""
        return list(self._from.every("item", Item))

    @cached_property
    def codes(self) -> dict[CodeKind, dict[str, Code]]:
        """Return all coded things, by kind and code."""
        kinds: tuple[CodeKind, ...] = get_args(CodeKind)
        return {kind: {c.code: c for c in self._from.every(kind, Code)} for kind in kinds}

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
        """See `Books.gl_account`."""
        key = id_or_code.strip()
        return self._accounts_by_key.get(key) or self._accounts_by_key.get(key.lower())

    def item(self, id: Guid) -> Item | None:
        """See `Books.item`."""
        return self._items_by_id.get(id)

    def item_with_code(self, code: str) -> Item | None:
        """Return the item with this code."""
        return next((item for item in self.items if item.code == code), None)

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """See `Books.carriers`."""
        return self._carriers.get(gl_account, [])

    def code(self, kind: CodeKind, code: str) -> Code | None:
        """See `Books.code`."""
        return self.codes[kind].get(code)
