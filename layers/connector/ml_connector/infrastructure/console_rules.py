"""The access rules of the console, in the mappings table: people set them, a restore keeps them."""

from collections.abc import Callable

import msgspec

from ml_connector.domain.console_access import AccessRules
from ml_connector.infrastructure.dynamodb import Item, Table

_PK, _SK = "#console", "access"  # no connection can have this id
_ATTEMPTS = 5


class ConsoleRules:
    """Reads and changes the access rules of a stack."""

    def __init__(self, mappings: Table) -> None:
        """Keep them in the mappings table."""
        self._table = mappings

    def read(self) -> AccessRules:
        """Return the rules; without any, nobody has access."""
        return _rules(self._table.get(_PK, _SK))

    def change(self, change: Callable[[AccessRules], AccessRules]) -> AccessRules:
        """Store what `change` makes of the rules, unless others change them all the time."""
        for _ in range(_ATTEMPTS):
            stored = self._table.get(_PK, _SK)
            version = int(stored["version"]) if stored else 0
            changed = change(_rules(stored))
            item: Item = {
                "pk": _PK,
                "sk": _SK,
                "rules": msgspec.json.encode(changed).decode(),
                "version": version + 1,
            }
            if self._table.replace(item, version) if stored else self._table.insert(item):
                return changed
        raise RuntimeError("the access rules of the console change faster than they can be saved")


def _rules(item: Item | None) -> AccessRules:
    if item is None:
        return AccessRules()
    return msgspec.json.decode(str(item["rules"]), type=AccessRules)
