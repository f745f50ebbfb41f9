"""The state of one Exact site: its divisions with their rows, row versions and deletions."""

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from local.exact_simulator.fields import FIELDS, wire_date, wire_ms
from local.exact_simulator.schema import Entity

Row = dict[str, Any]
Change = Callable[["Division", Entity, str, str], None]
"""Called with (division, entity, action, key) after each change."""

_ZONE, _ZONES = "Europe/Amsterdam", {"co.uk": "Europe/London", "com": "America/New_York"}
_DAY_MS = 86_400_000
DELETED_KEPT_MS = 61 * _DAY_MS


@dataclass(slots=True)
class Division:
    """One division. The switches change how its calls are answered."""

    code: int
    country: str
    currency: str
    description: str
    currencies: set[str]
    requires_supplier_items: bool = False
    """Items may only be ordered from suppliers they are linked to."""
    in_scope: bool = True
    """The user granted the app this division."""
    blocked: bool = False
    is_virtual: bool = False
    """The "HQ" of a Premium licence, a view of several divisions: it is in no list of divisions.
    What calls inside it get is not known; here lists without rows, and 403 for any change."""
    requires_price: bool = True
    """A line without a price needs one from the supplier's item."""
    moved_at: str | None = None
    next_order_number: int = 1
    last_version: int = 1_000_000
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    stamps: dict[str, dict[str, int]] = field(default_factory=dict)
    """Row version per endpoint and key, for sync."""
    deleted: list[Row] = field(default_factory=list)
    history: list[tuple[int, int]] = field(default_factory=list)
    """(local wall clock in ms, row version) of each change, in order."""

    def table(self, endpoint: str) -> dict[str, Row]:
        """Return the rows of an endpoint by key."""
        return self.rows.setdefault(endpoint, {})

    def find(self, endpoint: str, by: str, value: Any) -> Row | None:
        """Return the row with that key or code; codes compare without their padding."""
        if by == "ID":
            return self.table(endpoint).get(value)
        wanted = str(value).strip()
        rows = self.table(endpoint).values()
        return next((row for row in rows if str(row["Code"]).strip() == wanted), None)

    def version_before(self, local_ms: int) -> int:
        """Return the last row version issued up to a local time, 0 without any."""
        position = bisect_right(self.history, (local_ms, 2**63))
        return self.history[position - 1][1] if position else 0


class World:
    """What all divisions of a site share: the clock, the user, random keys.

    A site's local time was recorded for the continent alone; of the other two sites it is a guess.
    """

    def __init__(self, clock: Callable[[], float], rng: random.Random, site: str = "nl") -> None:
        self.site = site
        self.zone = ZoneInfo(_ZONES.get(site, _ZONE))
        self.clock = clock
        self.rng = rng
        self.language = "EN"
        """The connected user's language, a key of `texts.LANGUAGES`."""
        self.divisions: dict[int, Division] = {}
        self.current_division: int | None = None
        self.listeners: list[Change] = []
        self.user_id = self.guid()
        self.user_name = "Connector"

    def guid(self) -> str:
        """Return a new random key in lower case."""
        digits = f"{self.rng.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def secret(self, length: int = 32) -> str:
        """Return a new random secret, of no use outside this simulator."""
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
        return "".join(self.rng.choices(letters, k=length))

    def local(self) -> datetime:
        """Return the site's local time, with its zone."""
        return datetime.fromtimestamp(self.clock(), tz=self.zone)

    def local_ms(self) -> int:
        """Return the site's local time in milliseconds, as if it were UTC."""
        wall = self.local()
        return int(wall.replace(tzinfo=UTC).timestamp() * 1000)

    def today_ms(self) -> int:
        """Return the site's date as midnight UTC in milliseconds."""
        return self.local_ms() // _DAY_MS * _DAY_MS

    def version(self, division: Division) -> int:
        """Issue the next row version and record when."""
        division.last_version += self.rng.randint(1, 9)
        division.history.append((self.local_ms(), division.last_version))
        return division.last_version

    def save(self, division: Division, entity: Entity, row: Row, action: str) -> Row:
        """Store a row (action Create or Update), stamp it, and notify the listeners."""
        self.store(division, entity, row)
        self.notify(division, entity, action, row[entity.key])
        return row

    def store(
        self, division: Division, entity: Entity, row: Row, *, is_modified: bool = True
    ) -> None:
        """Store a row and stamp it, without a notification; `is_modified` moves its `Modified`."""
        moment = wire_date(self.local_ms())
        fields = FIELDS[entity.path]
        if "Created" in fields and row.get("Created") is None:
            row["Created"] = moment
            row["Creator"], row["CreatorFullName"] = self.user_id, self.user_name
        if "Modified" in fields and (is_modified or row.get("Modified") is None):
            row["Modified"] = moment
            row["Modifier"], row["ModifierFullName"] = self.user_id, self.user_name
        if "Division" in fields:
            row["Division"] = division.code
        self.put(division, entity, row)

    def put(self, division: Division, entity: Entity, row: Row) -> None:
        """Store a row under its key with a new row version."""
        key = row[entity.key]
        division.table(entity.path)[key] = row
        division.stamps.setdefault(entity.path, {})[key] = self.version(division)

    def drop(self, division: Division, entity: Entity, key: str, *, notify: bool = True) -> None:
        """Delete a row, list it in sync/Deleted, and notify the listeners."""
        del division.table(entity.path)[key]
        division.stamps[entity.path].pop(key, None)
        if entity.deleted_type is not None:
            division.deleted.append(self._deletion(division, entity.deleted_type, key))
        if notify:
            self.notify(division, entity, "Delete", key)

    def notify(self, division: Division, entity: Entity, action: str, key: str) -> None:
        """Notify the listeners of a change."""
        for listener in self.listeners:
            listener(division, entity, action, key)

    def deletions(self, division: Division) -> list[Row]:
        """Return the rows of sync/Deleted; Exact keeps them for two months."""
        oldest = self.local_ms() - DELETED_KEPT_MS
        return [row for row in division.deleted if wire_ms(row["DeletedDate"]) >= oldest]

    def move(self, division: Division) -> None:
        """Move a division to another database: every row gets a new, lower row version."""
        division.last_version //= 2
        division.history.clear()
        division.moved_at = wire_date(self.local_ms())
        for stamps in division.stamps.values():
            for key in stamps:
                stamps[key] = self.version(division)
        for deletion in division.deleted:
            deletion["Timestamp"] = self.version(division)

    def _deletion(self, division: Division, kind: int, key: str) -> Row:
        return {
            "Timestamp": self.version(division),
            "ID": self.guid(),
            "EntityKey": key,
            "EntityType": kind,
            "DeletedBy": self.user_id,
            "DeletedDate": wire_date(self.local_ms()),
            "Division": division.code,
        }
