"""The groups of a connection's open exceptions, in rows of their own in the ledger's table.

A row for each member is written in the transaction of its record, so members are exact. What a
group has in all is counted after the transaction, so that many records of one group do not get into
each other's way. Whatever comes between marks the group, and the sweep counts a marked one anew
within a minute; every night it counts all of them (`sweep/group_counts`).

Under keys of their own: whoever lists records never meets them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, Division, RecordKey
from ml_connector.domain.open_groups import (
    Group,
    GroupId,
    Matter,
    Member,
    by_id,
    memberships,
    summed,
)
from ml_connector.domain.records import Facts
from ml_connector.infrastructure.dynamodb import Item, Put, Table, Write
from ml_connector.telemetry import logger

_TRIES = 4
_MOST_COUNTED = 1_000
_MARK, _GROUP, _SNOOZED = "!", "g#", "s#"
_KEPT_FOR = timedelta(days=3)
_MOST_THROUGH = 10**9
THROUGH_KEPT_FOR = timedelta(days=31)
"""So long it is known when an order of a division went through last."""

Memberships = dict[GroupId, tuple[Matter, Member]]


class Growth(NamedTuple):
    """What has come to a group since it was snoozed: so many records, or more money held up."""

    records: int = 0
    holds_up_more: bool = False

    @property
    def is_any(self) -> bool:
        """Return whether anything has come."""
        return bool(self.records) or self.holds_up_more


class Snooze(NamedTuple):
    """Until when (in ISO form) a group is left out of the list, and who asked for it when.

    `before` is the group as it was then. Earlier versions kept neither.
    """

    until: str
    by: str
    at: str = ""
    before: Group | None = None


class OpenGroups:
    """Reads and counts the groups of one connection."""

    def __init__(self, ledger: Table, id: ConnectionId) -> None:
        """Use the rows of the connection `id` in the ledger's table."""
        self._table = ledger
        self._id = id
        self._pk = f"{id}#groups"
        self._through = f"{id}#through"

    def all(self) -> Iterator[Group]:
        """Yield every group that has members, in one query."""
        found = (_group(row) for row in self._table.query(self._pk, _GROUP))
        return (group for group in found if group.count > 0)

    def get(self, id: GroupId) -> Group | None:
        """Return a group, None when it has no member (any more)."""
        row = self._table.get(self._pk, f"{_GROUP}{id}")
        group = _group(row) if row else None
        return group if group and group.count > 0 else None

    def members(self, id: GroupId, after: str, most: int) -> list[Member]:
        """Return up to `most` members, the oldest first: those after this `Member.place`."""
        rows = self._table.page(self._members(id), after, most)
        return [msgspec.json.decode(str(row["body"]), type=Member) for row in rows]

    def snooze(self, id: GroupId, until: datetime, by: str, at: datetime) -> None:
        """Leave a group out of the list until then, or until it grows.

        `by` is the name of who asks for it, `at` when they did.
        """
        row: Item = {"pk": self._pk, "sk": f"{_SNOOZED}{id}", "until": until.isoformat(), "by": by}
        body = msgspec.json.encode(self.get(id)).decode()
        expires = int(until.timestamp())
        self._table.put(row | {"at": at.isoformat(), "body": body, "expires_at": expires})

    def snoozed(self) -> dict[GroupId, Snooze]:
        """Return the groups that are left out of the list."""
        return {
            GroupId(str(row["sk"]).removeprefix(_SNOOZED)): Snooze(
                str(row["until"]),
                str(row["by"]),
                str(row.get("at", "")),
                msgspec.json.decode(str(row.get("body", "null")), type=Group | None),
            )
            for row in self._table.query(self._pk, _SNOOZED)
        }

    def growth(self, group: Group, since: Snooze) -> Growth:
        """Return what has come to a group since it was snoozed.

        One that joined is new even where another left: both are seen by when they were opened.
        """
        if not since.at:
            return Growth()
        before = since.before or Group(group.matter)
        joined = len(self.members(group.id, since.at, _MOST_COUNTED))
        more = (total > before.sums.get(name, 0) for name, total in group.sums.items())
        return Growth(max(joined, group.count - before.count), any(more))

    def writes(self, before: Memberships, after: Memberships) -> list[Write]:
        """Return the rows to write with a change of a record."""
        found: list[Write] = []
        for id, (_, member) in before.items():
            if id not in after or after[id][1].place != member.place:
                found.append(Put(self._table, self._member_row(id, member, is_gone=True)))
        for id, (_, member) in after.items():
            if id not in before or before[id][1] != member:
                found.append(Put(self._table, self._member_row(id, member)))
        return found

    def count(self, before: Memberships, after: Memberships, since: datetime) -> None:
        """Count what a change of a record changes; `since`: when it was begun. Raises nothing."""
        for id in before.keys() | after.keys():
            if before.get(id) != after.get(id):
                try:
                    self._count(id, before.get(id), after.get(id), since)
                except (ClientError, BotoCoreError):  # the nightly count mends it
                    logger().exception("a group was not counted", connection=self._id, group=id)

    def count_through(self, division: Division | None) -> None:
        """Count an order that has just gone through. Raises nothing."""
        now = clock.now()
        expires = int((now + THROUGH_KEPT_FOR).timestamp())
        try:
            self._table.add(
                self._through, f"{now:%Y-%m-%d}#{division or ''}", 1, _MOST_THROUGH, expires
            )
        except (ClientError, BotoCoreError):
            logger().exception("an order was not counted", connection=self._id)

    def went_through(self, day: datetime) -> dict[str, int]:
        """Return how many orders went through on this day (UTC), by the key of their division.

        The release before this one counted in the version of several rows of a division.
        """
        found: dict[str, int] = {}
        for row in self._table.query(self._through, f"{day:%Y-%m-%d}#"):
            division = str(row["sk"]).split("#")[1]
            counted = int(row.get("used", 0)) + int(row.get("version", 0))
            found[division] = found.get(division, 0) + counted
        return found

    def last_through(self) -> dict[str, str]:
        """Return the last day (UTC, `2026-11-30`) on which an order went through, by division."""
        keys = (str(row["sk"]).split("#") for row in self._table.query(self._through))
        return {division: day for day, division, *_ in keys}

    # ------------------------------------------------------------ counting anew

    def marked(self, most: int) -> list[GroupId]:
        """Return up to `most` groups that have to be counted anew."""
        rows = self._table.page(self._pk, _MARK, most)
        marks = (str(row["sk"]) for row in rows if str(row["sk"]).startswith(_MARK))
        return [GroupId(mark.removeprefix(_MARK)) for mark in marks]

    def mark(self, id: GroupId) -> None:
        """Have a group counted anew by the next sweep."""
        self._table.put({"pk": self._pk, "sk": f"{_MARK}{id}"})

    def ids(self, after: str, most: int) -> list[GroupId]:
        """Return up to `most` groups that come after this one, whatever they hold."""
        keys = [str(row["sk"]) for row in self._table.page(self._pk, f"{_GROUP}{after}", most)]
        return [GroupId(key.removeprefix(_GROUP)) for key in keys if key.startswith(_GROUP)]

    def recount(self, id: GroupId) -> None:
        """Count a group by its members."""
        for _ in range(_TRIES):
            row = self._table.get(self._pk, f"{_GROUP}{id}")
            if row is None:
                break
            rows = self._table.query(self._members(id))
            every = (msgspec.json.decode(str(each["body"]), type=Member) for each in rows)
            group = summed(_group(row).matter, every)
            if self._put(self._row(id, group, int(row["version"]) + 1), int(row["version"])):
                break
        else:
            return  # whoever came between has marked it
        expired = int(clock.epoch())
        self._table.put({"pk": self._pk, "sk": f"{_MARK}{id}", "expires_at": expired})

    def complete(self, key: RecordKey, received_at: str, facts: Facts) -> None:
        """Write what is missing or wrong of a record that was stored without its groups."""
        for id, (matter, member) in by_id(memberships(key, received_at, facts)).items():
            row = self._member_row(id, member)
            is_right = self._table.get(self._members(id), member.place) == row
            if is_right and self._table.get(self._pk, f"{_GROUP}{id}"):
                continue
            self._table.put(row)
            self._put(self._row(id, Group(matter), 1), 0)
            self.mark(id)

    def forget(self, id: GroupId, member: Member) -> None:
        """Remove a member of which the record is in the group no more, or elsewhere in it."""
        self._table.put(self._member_row(id, member, is_gone=True))

    def _count(
        self,
        id: GroupId,
        before: tuple[Matter, Member] | None,
        after: tuple[Matter, Member] | None,
        since: datetime,
    ) -> None:
        for _ in range(_TRIES):
            row = self._table.get(self._pk, f"{_GROUP}{id}")
            version = int(row["version"]) if row else 0
            if row and str(row["at"]) >= since.isoformat():
                break  # counted anew meanwhile: perhaps with this, perhaps without
            group = _group(row) if row else None
            if before:
                group = (group or Group(before[0])).without_member(before[1])
            if after:
                group = (group or Group(after[0])).with_member(after[1])
            if group is None:
                return
            at = str(row["at"]) if row else ""
            if self._put(self._row(id, group, version + 1, at), version):
                if not group.is_whole:
                    self.mark(id)
                return
        self.mark(id)

    def _put(self, row: Item, version: int) -> bool:
        return self._table.replace(row, version) if version else self._table.insert(row)

    def _row(self, id: GroupId, group: Group, version: int, at: str | None = None) -> Item:
        now = clock.now()
        row: Item = {
            "pk": self._pk,
            "sk": f"{_GROUP}{id}",
            "body": msgspec.json.encode(group).decode(),
            "version": version,
            "at": now.isoformat() if at is None else at,
        }
        is_empty = group.is_whole and not group.count
        return row | {"expires_at": int((now + _KEPT_FOR).timestamp())} if is_empty else row

    def _member_row(self, id: GroupId, member: Member, *, is_gone: bool = False) -> Item:
        body = msgspec.json.encode(member).decode()
        row: Item = {"pk": self._members(id), "sk": member.place, "body": body}
        return row | {"expires_at": int(clock.epoch())} if is_gone else row

    def _members(self, id: GroupId) -> str:
        return f"{self._id}#group#{id}"


def _group(row: Item) -> Group:
    return msgspec.json.decode(str(row["body"]), type=Group)
