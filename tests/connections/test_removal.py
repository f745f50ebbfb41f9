"""A removed connection leaves its records and its audit trail, and nothing that was only read."""

from collections.abc import Iterator

import pytest

from local.in_memory.environment import FIRM
from ml_connector import clock
from ml_connector.connections import manage
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.reports import DeedOutcome
from ml_connector.infrastructure.drafts import Drafts
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.rehearsal.period import AskedDays
from ml_connector.rehearsal.rehearse import rehearse
from tests.person_stack import PERSON, PersonStack
from tests.two_sites import TwoSites

REPORT = DeedOutcome(is_done=True, request="month", values={})
OTHER = ConnectionId("other-firm")


@pytest.fixture
def env() -> Iterator[TwoSites]:
    made = TwoSites()
    made.connect_both()
    yield made
    clock.read_from(clock.MovableClock())


def left(env: TwoSites) -> dict[str, set[str]]:
    """Return the partitions of each table that have items which do not expire."""
    tables = env.services.tables
    return {
        name: {str(i["pk"]) for i in getattr(tables, name).items() if "expires_at" not in i}
        for name in tables.__dataclass_fields__
    }


def test_nothing_stays_but_records_and_the_audit_trail(env: TwoSites) -> None:
    posted, stopped = env.order("PO-1"), env.order("PO-2", lines=[env.airbase.line("8802", "1.00")])
    for order in (posted, stopped):
        env.post(order)
    stack, tables = PersonStack(env), env.services.tables
    rehearse(stack, PERSON, FIRM, AskedDays("2026-09"))
    kept = [KeptReports(tables.mappings, id) for id in (FIRM, OTHER)]
    for each in kept:
        each.keep("month", REPORT)
        each.note("a" * 24, REPORT)
    Drafts(tables.coordination).save(FIRM, {"id": FIRM})
    env.services_of().read_progress().add(1, ["ven-1"])
    assert left(env)["reference"]

    manage.remove(stack, PERSON, FIRM)

    after = left(env)
    assert after["mappings"] == {f"{OTHER}#reports"}, "another connection's stay"
    assert after["reference"] == after["coordination"] == set()
    assert (kept[0].read("month", DeedOutcome), kept[0].outcome("a" * 24)) == (None, None)
    assert Drafts(tables.coordination).get(FIRM) is None
    rehearsed = [i for i in tables.coordination.items() if "#rehearsal" in str(i["pk"])]  # type: ignore[attr-defined]
    assert rehearsed == [], "they hold orders"
    assert not env.memory.secret_store.read_plain("airbase-api-key", FIRM)
    ledger = env.services.ledger_of(FIRM)
    assert ledger.trail(CONNECTION)[-1].step == "connection_removed"
    for order in (posted, stopped):
        record = env.record(order)
        assert ledger.find_break(record) is None
    assert env.codes(stopped) == ["UNKNOWN_GL_ACCOUNT"]
