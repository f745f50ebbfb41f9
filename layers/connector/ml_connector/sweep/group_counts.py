"""Count the groups of open exceptions anew: marked ones at once, all of them every night.

The night's count begins with the records, of which rows may be missing: an older version stored
them without. Then it looks at the record of each member, which may have left the group without a
word, and counts the group. It goes on where the sweep before has stopped, and each does only a part
of it.
"""

from contextlib import suppress
from datetime import timedelta

from msgspec import Struct, json
from msgspec.structs import replace

from ml_connector import clock
from ml_connector.domain.ids import RecordKey
from ml_connector.domain.open_groups import GroupId, Member, by_id, memberships
from ml_connector.infrastructure.coordination import SharedValues
from ml_connector.infrastructure.ledger import CONNECTION, Ledger
from ml_connector.infrastructure.record_codec import NewerDataError
from ml_connector.services import Services

_MARKED_AT_ONCE, _RECORDS_AT_ONCE, _GROUPS_AT_ONCE, _MEMBERS_AT_ONCE = 25, 200, 100, 400
_HOUR = 2  # UTC
_REMEMBERED = timedelta(days=7)
_PROGRESS = "group-counts"


class _Progress(Struct, frozen=True):
    """How far the count of a day has come: through which records, then which groups.

    `members_after`: the place in the next group up to which its members were looked at.
    """

    day: str = ""
    records_after: str = ""
    has_records: bool = False
    groups_after: str = ""
    is_done: bool = False
    members_after: str = ""


def count_groups(services: Services) -> bool:
    """Count what is marked, and a part of what the night's count has not come to yet.

    Return whether there was anything to count.
    """
    groups = services.ledger.groups
    marked = list(groups.marked(_MARKED_AT_ONCE))
    for id in marked:
        groups.recount(id)
    progress = _read(services.shared_values)
    if not progress.is_done:
        _keep(services.shared_values, _go_on(services.ledger, progress))
    return bool(marked) or not progress.is_done


def _go_on(ledger: Ledger, progress: _Progress) -> _Progress:
    if not progress.has_records:
        rows = (str(row["sk"]) for row in ledger.unfinished() if row["codes"])
        left = sorted(key for key in rows if key > progress.records_after)
        some = [RecordKey(key) for key in left[:_RECORDS_AT_ONCE]]
        for key in [CONNECTION, *some]:
            _complete(ledger, key)
        is_end = len(left) <= _RECORDS_AT_ONCE
        return _Progress(progress.day, max(some, default=""), is_end)
    budget = _MEMBERS_AT_ONCE
    ids = ledger.groups.ids(GroupId(progress.groups_after), _GROUPS_AT_ONCE)
    for id in ids:
        members = ledger.groups.members(id, progress.members_after, budget)
        for member in members:
            _check(ledger, id, member)
        if len(members) == budget:
            return replace(progress, members_after=members[-1].place)
        budget -= len(members)
        ledger.groups.recount(id)
        progress = replace(progress, groups_after=id, members_after="")
    return replace(progress, is_done=len(ids) < _GROUPS_AT_ONCE)


def _complete(ledger: Ledger, key: RecordKey) -> None:
    with suppress(NewerDataError):
        record = ledger.read(key)
        ledger.groups.complete(key, record.received_at, record.facts)


def _check(ledger: Ledger, id: GroupId, member: Member) -> None:
    """Drop a member whose record is not there; one of a newer version is left to that."""
    with suppress(NewerDataError):
        record = ledger.read(member.record)
        found = by_id(memberships(record.key, record.received_at, record.facts)).get(id)
        if found is None or found[1].place != member.place:
            ledger.groups.forget(id, member)
            _complete(ledger, member.record)  # it may have come (back) at this moment


def _read(values: SharedValues) -> _Progress:
    """Return how far today's count has come; before its hour, yesterday's counts."""
    day = f"{clock.now() - timedelta(hours=_HOUR):%Y-%m-%d}"
    text = values.get(_PROGRESS)
    known = json.decode(text, type=_Progress) if text else _Progress()
    return known if known.day == day else _Progress(day)


def _keep(values: SharedValues, progress: _Progress) -> None:
    values.set(_PROGRESS, json.encode(progress).decode(), clock.now() + _REMEMBERED)
