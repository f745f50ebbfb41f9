"""Subsidiaries served by another system or by hand: their orders rest, and are counted."""

from typing import Any

import pytest

from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.connections import manage
from ml_connector.connections.secrets import API_KEY, GivenSecrets
from ml_connector.exceptions import retry as retries
from ml_connector.health.ping import ping_connection
from ml_connector.mapping.import_export import show
from ml_connector.month_end.report_files import write_orders
from ml_connector.purchase_orders.listing import list_orders, read_filter
from ml_connector.purchase_orders.preview import preview
from ml_connector.rehearsal.period import AskedDays
from ml_connector.rehearsal.rehearse import rehearse
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError
from tests.month_end.month_stack import reconcile
from tests.person_stack import PERSON, PersonStack

IBERIA = "sub-es"
APPROVED = "2026-09-20T10:00:00Z"


def elsewhere(**more: Any) -> dict[str, Any]:
    return {"subsidiary": IBERIA, "where": "SAP in Madrid", **more}


@pytest.fixture
def iberia(env: InMemoryEnvironment) -> InMemoryEnvironment:
    """The firm with a fourth subsidiary, which no division serves."""
    env.airbase.add_subsidiary(IBERIA, "Noorderlicht Iberia", "ES01")
    return env


def order_of(env: InMemoryEnvironment, number: str = "PO-ES", **more: Any) -> dict[str, Any]:
    order = env.order(number, approved_date=APPROVED, **more)
    order["subsidiary"] = env.airbase.subsidiaries[IBERIA]
    return order


def settings(env: InMemoryEnvironment, *entries: dict[str, Any], **more: Any) -> Connection:
    return Connection.model_validate(
        env.config() | {"id": FIRM, "served_elsewhere": [*entries], **more}
    )


@pytest.mark.parametrize("name", [IBERIA, "ES01", "Noorderlicht Iberia"])
def test_an_order_rests_silently_by_any_name_of_its_subsidiary(
    iberia: InMemoryEnvironment, name: str
) -> None:
    iberia.connect(served_elsewhere=[elsewhere(subsidiary=name)])
    calls = iberia.exact_calls()
    order = order_of(iberia)
    for _ in range(3):
        record = iberia.post(order)
    assert (record.state, record.problems, record.due_at) == ("served_elsewhere", (), None)
    assert iberia.steps(order).count("served_elsewhere") == 1
    assert iberia.exact_calls() == calls
    iberia.wait(days=3)
    assert iberia.steps(order).count("served_elsewhere") == 1
    assert (iberia.record(order).state, list(iberia.services_of().outbox.waiting(9))) == (
        "served_elsewhere", [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("period", "state"),
    [
        ({"from": "2026-09-20"}, "served_elsewhere"),
        ({"until": "2026-09-20"}, "served_elsewhere"),
        ({"from": "2026-09-21"}, "review"),
        ({"until": "2026-09-19"}, "review"),
        ({"from": "2026-09-01", "until": "2026-09-30"}, "served_elsewhere"),
    ],
)
def test_the_day_of_approval_decides_and_both_days_belong_to_the_period(
    iberia: InMemoryEnvironment, period: dict[str, str], state: str
) -> None:
    iberia.connect(served_elsewhere=[elsewhere(**period)])
    order = order_of(iberia)
    assert iberia.post(order).state == state
    assert iberia.codes(order) == ([] if state != "review" else ["UNKNOWN_SUBSIDIARY"])


def test_outside_of_the_period_its_division_serves_it(iberia: InMemoryEnvironment) -> None:
    entry = {"subsidiary": NL.subsidiary, "until": "2026-09-20", "where": "the old system"}
    iberia.connect(served_elsewhere=[entry])
    before = iberia.order("PO-1", approved_date=APPROVED)
    after = iberia.order("PO-2", approved_date="2026-09-21T10:00:00Z")
    states = [iberia.post(order).state for order in (before, after)]
    assert states == ["served_elsewhere", "posted"]
    assert [each["YourRef"] for each in iberia.in_exact()] == ["PO-2"]


def test_an_exception_closes_once_it_is_said(iberia: InMemoryEnvironment) -> None:
    iberia.connect()
    order = order_of(iberia)
    iberia.post(order)
    assert iberia.codes(order) == ["UNKNOWN_SUBSIDIARY"]
    manage.add(PersonStack(iberia), PERSON, settings(iberia, elsewhere()), GivenSecrets())
    iberia.work()
    assert (iberia.record(order).state, iberia.codes(order)) == ("served_elsewhere", [])


def test_a_resting_order_goes_on_only_when_a_person_asks(iberia: InMemoryEnvironment) -> None:
    iberia.connect(served_elsewhere=[elsewhere()])
    order = order_of(iberia)
    iberia.post(order)
    stack = PersonStack(iberia)
    divisions = iberia.config()["divisions"]
    divisions[0]["subsidiaries"].append(IBERIA)
    manage.add(stack, PERSON, settings(iberia, divisions=divisions), GivenSecrets())
    iberia.work()
    order["description"] = "A late event of the old system's order"
    iberia.post(order)
    iberia.wait(days=2)
    assert (iberia.record(order).state, iberia.in_exact()) == ("served_elsewhere", [])
    later = order_of(iberia, "PO-NEW")
    assert iberia.post(later).state == "posted"
    retries.retry(stack, PERSON, FIRM, "PO-ES")
    iberia.work()
    assert iberia.record(order).state == "posted"
    assert sorted(each["YourRef"] for each in iberia.in_exact()) == ["PO-ES", "PO-NEW"]


def test_one_that_is_still_served_elsewhere_rests_again_when_a_person_asks(
    iberia: InMemoryEnvironment,
) -> None:
    iberia.connect(served_elsewhere=[elsewhere()])
    order = order_of(iberia)
    iberia.post(order)
    retries.fetch(PersonStack(iberia), PERSON, FIRM, order["id"])
    iberia.work()
    assert (iberia.record(order).state, iberia.record(order).due_at) == ("served_elsewhere", None)
    assert iberia.in_exact() == []


def test_a_request_survives_an_outage_of_airbase(iberia: InMemoryEnvironment) -> None:
    iberia.connect(served_elsewhere=[elsewhere()])
    order = order_of(iberia)
    iberia.post(order)
    divisions = iberia.config()["divisions"]
    divisions[0]["subsidiaries"].append(IBERIA)
    iberia.services.connections.save(settings(iberia, divisions=divisions))
    del iberia.airbase.orders[order["id"]]
    iberia.retry(order)
    assert iberia.record(order).state != "served_elsewhere"
    iberia.airbase.orders[order["id"]] = order
    iberia.wait(days=1, minutes=5)
    assert iberia.record(order).state == "posted"


def test_a_cancelled_one_that_is_approved_again_still_rests(iberia: InMemoryEnvironment) -> None:
    iberia.connect(served_elsewhere=[elsewhere()])
    order = order_of(iberia)
    iberia.post(order)
    order["status"] = "cancelled"
    assert iberia.post(order).state == "cancelled"
    divisions = iberia.config()["divisions"]
    divisions[0]["subsidiaries"].append(IBERIA)
    iberia.services.connections.save(settings(iberia, divisions=divisions))
    order["status"] = "approved"
    assert iberia.post(order).state == "served_elsewhere"


def test_orders_preview_and_ping_say_where_it_is_served(iberia: InMemoryEnvironment) -> None:
    iberia.connect(served_elsewhere=[elsewhere(until="2026-12-31")])
    waiting, order = order_of(iberia, "PO-2"), order_of(iberia)
    iberia.post(order)
    words = "Noorderlicht Iberia is served elsewhere: SAP in Madrid"
    services = iberia.services_of()
    (listed,) = list_orders(services.ledger, read_filter(("served_elsewhere",)))
    assert (listed["served_elsewhere"], listed["division"]) == (words, None)
    new = services.ledger.order(waiting["id"])
    for record, before in ((new, "new"), (iberia.record(order), "served_elsewhere")):
        shown = preview(services, record).as_dict()
        assert (shown["state"], shown["act"], shown["becomes"]) == (
            before, "none", "served_elsewhere",
        )  # fmt: skip
        assert (shown["served_elsewhere"], shown["exceptions"]) == (words, [])
    details = [c.detail for c in ping_connection(services) if c.check == "served_elsewhere"]
    assert details == ["Not posted here: sub-es, SAP in Madrid, until 2026-12-31."]


def test_the_month_counts_them_by_themselves_known_or_not(
    iberia: InMemoryEnvironment, tmp_path: Any
) -> None:
    iberia.connect(served_elsewhere=[elsewhere()])
    iberia.post(order_of(iberia, "PO-1"))
    order_of(iberia, "PO-2")
    dollars = order_of(iberia, "PO-3", currency="USD")
    iberia.post(dollars)
    iberia.post(iberia.order("PO-4", approved_date=APPROVED))
    report = reconcile(iberia, "2026-09")
    assert not report.has_findings
    lines = [line for line in report.lines if line.category == "served_elsewhere"]
    assert [(line.title, line.division) for line in lines] == [
        ("PO-1", None), ("PO-2", None), ("PO-3", None),
    ]  # fmt: skip
    assert {line.why for line in lines} == {
        "Noorderlicht Iberia is served elsewhere: SAP in Madrid."
    }
    sums = {
        each.currency: each.as_dict()["categories"]["served_elsewhere"]
        for each in report.totals
        if each.is_all
    }
    assert sums == {
        "EUR": {"orders": 2, "airbase": "2500.00", "exact": "0"},
        "USD": {"orders": 1, "airbase": "1250.00", "exact": "0"},
    }
    assert report.counts["served_elsewhere"] == 3
    write_orders(report, tmp_path / "month.csv")
    assert (tmp_path / "month.csv").read_text().count("served_elsewhere,") == 3


def test_a_rehearsal_has_nothing_to_do_for_them(iberia: InMemoryEnvironment) -> None:
    iberia.connect(served_elsewhere=[elsewhere()])
    order_of(iberia, "PO-1")
    found = rehearse(PersonStack(iberia), PERSON, FIRM, AskedDays("2026-09"))
    assert [(each.verdict, each.division) for each in found.orders] == [("nothing_to_do", None)]


def test_a_mapping_of_it_is_not_missing(iberia: InMemoryEnvironment) -> None:
    iberia.connect(served_elsewhere=[elsewhere()])
    order_of(iberia, "PO-1")
    assert not show(iberia.services_of(), unmapped=True).rows
    iberia.services.connections.save(settings(iberia))
    (row,) = show(iberia.services_of(), unmapped=True).rows
    assert (row.airbase, row.code) == (IBERIA, "UNKNOWN_SUBSIDIARY")


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("entries", "error"),
        [
            ([elsewhere(**{"from": "2026-02-01", "until": "2026-01-31"})], "is after until"),
            ([{"subsidiary": NL.subsidiary}], "served by a division and elsewhere"),
            ([elsewhere(), elsewhere(until="2026-01-01")], "twice on the same day"),
            ([elsewhere(**{"from": "soon"})], "date"),
            ([{"subsidiary": "  "}], "at least 1 character"),
        ],
    )
    def test_in_a_file(
        self, env: InMemoryEnvironment, entries: list[dict[str, Any]], error: str
    ) -> None:
        with pytest.raises(ValueError, match=error):
            settings(env, *entries)

    @pytest.mark.parametrize(
        ("entries", "error"),
        [
            ([{"subsidiary": NL.name}], f"{NL.name} is served elsewhere, and as {NL.subsidiary}"),
            ([elsewhere(), elsewhere(subsidiary="ES01")], "twice on the same day, also as sub-es"),
        ],
    )
    def test_by_another_of_its_names_when_it_is_added(
        self, iberia: InMemoryEnvironment, entries: list[dict[str, Any]], error: str
    ) -> None:
        iberia.connect()
        with pytest.raises(UserError, match=error):
            manage.add(PersonStack(iberia), PERSON, settings(iberia, *entries), GivenSecrets())

    def test_a_period_makes_it_plain(self, iberia: InMemoryEnvironment) -> None:
        iberia.connect()
        entries = [
            {"subsidiary": NL.name, "until": "2026-01-01"},
            elsewhere(until="2026-05-31"),
            elsewhere(subsidiary="ES01", **{"from": "2026-06-01"}),
        ]
        manage.add(PersonStack(iberia), PERSON, settings(iberia, *entries), GivenSecrets())
        assert iberia.connection().served_elsewhere[2].period == "from 2026-06-01"

    def test_an_order_shows_it_where_airbase_lists_no_subsidiaries(
        self, iberia: InMemoryEnvironment
    ) -> None:
        iberia.connect(served_elsewhere=[{"subsidiary": BE.name}])
        order = iberia.order("PO-BE", BE)
        iberia.post(order)
        assert iberia.codes(order) == ["SUBSIDIARY_SERVED_TWICE"]
        assert iberia.in_exact(BE) == []


def test_two_connections_of_a_tenant_may_each_say_that_the_other_serves_the_rest(
    env: InMemoryEnvironment,
) -> None:
    nl, be, _ = env.config()["divisions"]
    env.connect(divisions=[nl], served_elsewhere=[{"subsidiary": BE.subsidiary}])
    second = Connection.model_validate(
        env.config()
        | {"id": "second", "divisions": [be], "shares_app_with": FIRM}
        | {"served_elsewhere": [{"subsidiary": NL.subsidiary}]}
    )
    given = GivenSecrets({API_KEY: Secret(env.airbase.api_key)})
    assert manage.add(PersonStack(env), PERSON, second, given).is_new


def test_a_stored_connection_keeps_it_and_one_without_is_stored_as_before(
    env: InMemoryEnvironment,
) -> None:
    found = settings(env, elsewhere(**{"from": "2026-01-01"}))
    assert Connection.model_validate_json(found.model_dump_json()) == found
    assert found.model_dump(mode="json")["served_elsewhere"] == [
        {"subsidiary": IBERIA, "from": "2026-01-01", "where": "SAP in Madrid"}
    ]
    assert "served_elsewhere" not in settings(env).model_dump()
