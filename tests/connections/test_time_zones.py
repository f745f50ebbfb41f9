"""The moment of an approval is a day in the time zone of the site that gets the order."""

from typing import Any

import pytest

from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.connections import setup
from ml_connector.connections.changes import differences
from ml_connector.connections.files import checked
from ml_connector.month_end.months import read_month
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError
from tests.month_end.month_stack import reconcile
from tests.month_end.test_months import at
from tests.person_stack import PersonStack
from tests.two_sites import TwoSites

LATE = "2026-09-30T22:30:00Z"
"""In London it is still September."""


def zones(connection: Connection) -> list[str]:
    return [connection.zone_at(each.site) for each in connection.sites]


def in_file(**more: Any) -> Connection:
    file = TwoSites().file()
    file["sites"][1] |= more.pop("second", {})
    return Connection.model_validate(file | more)


class TestSettings:
    def test_under_sites_the_country_decides(self) -> None:
        assert zones(in_file()) == ["Europe/Amsterdam", "Europe/Brussels"]

    @pytest.mark.parametrize(
        ("site", "zone"),
        [("co.uk", "Europe/London"), ("es", "Europe/Madrid"), ("com", "UTC"), (None, "UTC")],
    )
    def test_where_there_are_several_or_none_it_is_utc(self, site: str | None, zone: str) -> None:
        assert zones(in_file(second={"exact_site": site}))[1] == zone

    def test_a_site_says_more_than_the_connection_and_this_more_than_the_profile(self) -> None:
        profile = {"profile": {"time_zone": "Europe/Berlin"}}
        assert zones(in_file(**profile)) == ["Europe/Berlin"] * 2
        assert zones(in_file(time_zone="Europe/Paris", **profile)) == ["Europe/Paris"] * 2
        own = {"second": {"time_zone": "Europe/London"}}
        found = in_file(time_zone="Europe/Paris", **own)
        assert zones(found) == ["Europe/Paris", "Europe/London"]

    @pytest.mark.parametrize("stored", [{}, {"time_zone": "America/New_York"}])
    def test_a_file_for_connect_that_says_nothing_of_zones_changes_none(
        self, env: InMemoryEnvironment, stored: dict[str, Any]
    ) -> None:
        file = env.config() | {"id": FIRM}
        before = Connection.model_validate(file | stored)
        env.services.connections.save(before)
        begun = setup.begin(PersonStack(env), FIRM, file)
        assert differences(before, setup.finished(begun, before)) == []

    def test_a_profile_that_names_its_zone_no_more_is_as_with_add(
        self, env: InMemoryEnvironment
    ) -> None:
        file = env.config() | {"id": FIRM}
        before = Connection.model_validate(file | {"profile": {"time_zone": "Asia/Tokyo"}})
        env.services.connections.save(before)
        begun = setup.begin(PersonStack(env), FIRM, file)
        assert zones(setup.finished(begun, before)) == zones(checked(file, "the file")) == ["UTC"]

    @pytest.mark.parametrize("stored", [{}, {"time_zone": "America/New_York"}])
    @pytest.mark.parametrize(
        "said",
        [{"time_zone": "Asia/Tokyo"}, {"profile": {"time_zone": "Asia/Tokyo"}}],
    )
    def test_a_zone_that_the_file_says_is_taken_by_connect_and_by_add(
        self, env: InMemoryEnvironment, stored: dict[str, Any], said: dict[str, Any]
    ) -> None:
        file = env.config() | {"id": FIRM}
        before = Connection.model_validate(file | stored)
        env.services.connections.save(before)
        begun = setup.begin(PersonStack(env), FIRM, file | said)
        assert zones(setup.finished(begun, before)) == ["Asia/Tokyo"]
        assert zones(checked(file | said, "the file")) == ["Asia/Tokyo"]

    def test_a_file_with_one_site_beside_the_others_stays_as_it_was(
        self, env: InMemoryEnvironment
    ) -> None:
        before = Connection.model_validate(env.config() | {"id": FIRM})
        assert zones(before) == ["UTC"]
        assert "time_zone" not in before.model_dump()
        said = Connection.model_validate(
            env.config() | {"id": FIRM, "profile": {"time_zone": "Europe/Berlin"}}
        )
        assert zones(said) == ["Europe/Berlin"]
        own = Connection.model_validate(
            env.config() | {"id": FIRM, "time_zone": "Europe/Amsterdam"}
        )
        assert zones(own) == ["Europe/Amsterdam"]

    def test_it_is_stored_so_that_a_country_changes_nothing_later(self) -> None:
        found = in_file(second={"time_zone": "Europe/London"})
        assert Connection.model_validate_json(found.model_dump_json()) == found
        one = found.model_copy(update={"sites": found.sites[:1]})
        assert zones(Connection.model_validate_json(one.model_dump_json())) == ["Europe/Amsterdam"]

    @pytest.mark.parametrize("zone", ["Mars", "../etc/passwd", "", "Europe", "europe amsterdam"])
    def test_an_unknown_zone_is_refused_where_it_stands(self, zone: str) -> None:
        file = TwoSites().file()
        file["sites"][1]["time_zone"] = zone or "Nowhere"
        with pytest.raises(UserError, match=r"sites\[1\].time_zone: unknown time zone"):
            checked(file, "firm.toml")


class TestLanguage:
    def test_of_a_site_else_of_the_connection_else_english(self) -> None:
        def languages(**more: Any) -> list[str]:
            found = in_file(**more)
            assert Connection.model_validate_json(found.model_dump_json()) == found
            return [found.language_at(each.site) for each in found.sites]

        assert languages() == ["en", "en"]
        assert languages(language="nl") == ["nl", "nl"]
        assert languages(language="nl", second={"language": "fr"}) == ["nl", "fr"]
        with pytest.raises(ValueError, match="language"):
            languages(second={"language": "Dutch"})

    def test_one_site_has_it_beside_the_others_and_is_stored_as_before_without(
        self, env: InMemoryEnvironment
    ) -> None:
        flat = env.config() | {"id": FIRM}
        found = Connection.model_validate(flat | {"language": "de"})
        assert found.sites[0].language == "de"
        assert Connection.model_validate_json(found.model_dump_json()) == found
        assert "language" not in Connection.model_validate(flat).model_dump()

    def test_our_words_in_exact_are_those_of_the_site(self) -> None:
        env = TwoSites()
        env.connect_both()
        file = env.file()
        file["sites"][1]["language"] = "fr"
        env.services.connections.save(Connection.model_validate(file))
        notes = []
        for branch in (NL, BE):
            body = env.post(env.order(f"PO-{branch.country}", branch)).facts.body or {}
            notes.append(body["PurchaseOrderLines"][0]["Notes"])
        assert notes == ["GL account 4100.", "Compte général 4100."]


@pytest.fixture
def both() -> TwoSites:
    """A Dutch site, and one whose clocks are those of London."""
    env = TwoSites()
    at(env.clock, "2026-10-01T09:00:00+00:00")
    env.connect_both()
    in_london(env)
    return env


def in_london(env: TwoSites, **more: Any) -> None:
    file = env.file() | more
    file["sites"][1]["time_zone"] = "Europe/London"
    file["sites"][1]["divisions"][0]["subsidiaries"] = [BE.subsidiary]
    env.services.connections.save(Connection.model_validate(file))


def test_an_order_has_the_day_of_its_own_site(both: TwoSites) -> None:
    for branch in (NL, BE):
        both.post(both.order(f"PO-{branch.country}", branch, approved_date=LATE))
    bodies = [both.record(order).facts.body or {} for order in both.airbase.orders.values()]
    assert [body["OrderDate"] for body in bodies] == ["2026-10-01", "2026-09-30"]


def test_a_posted_order_keeps_its_day_when_its_subsidiary_moves(both: TwoSites) -> None:
    order = both.order("PO-NL", NL, approved_date=LATE)
    both.post(order)
    file = both.file()
    file["sites"][1]["time_zone"] = "Europe/London"
    file["sites"][0]["divisions"][0]["subsidiaries"] = []
    file["sites"][1]["divisions"][0]["subsidiaries"] = [BE.subsidiary, NL.subsidiary]
    both.services.connections.save(Connection.model_validate(file))
    order["notes"] = "A change of the text alone"
    record = both.post(order)
    assert (record.facts.body or {})["OrderDate"] == "2026-10-01"
    report = reconcile(both, "2026-10", is_fresh=False)
    assert [(line.title, line.category) for line in report.lines] == [("PO-NL", "equal")]
    assert reconcile(both, "2026-09", is_fresh=False).lines == []


def test_without_a_day_in_airbase_the_day_of_receipt_is_that_of_its_site(both: TwoSites) -> None:
    at(both.clock, "2026-10-01T22:29:00+00:00")
    both.wait(minutes=1)
    for branch in (NL, BE):
        order = both.order(f"PO-{branch.country}", branch)
        order["approved_date"] = None
        both.post(order)
    bodies = [both.record(order).facts.body or {} for order in both.airbase.orders.values()]
    assert [body["OrderDate"] for body in bodies] == ["2026-10-02", "2026-10-01"]


def test_each_order_counts_in_the_month_of_its_site(both: TwoSites) -> None:
    for branch in (NL, BE):
        both.post(both.order(f"PO-{branch.country}", branch, approved_date=LATE))
    both.wait(hours=5)
    september, october = (
        reconcile(both, month, is_fresh=False) for month in ("2026-09", "2026-10")
    )
    assert [line.title for line in september.lines] == ["PO-BE"]
    assert [line.title for line in october.lines] == ["PO-NL"]
    assert october.as_dict()["time_zone"] == "Europe/Amsterdam, Europe/London"


def test_a_month_begins_with_the_first_site_and_is_over_with_the_last(both: TwoSites) -> None:
    at(both.clock, "2026-10-31T23:30:00+00:00")
    found = ("Europe/Amsterdam", "Europe/London")
    assert read_month("2026-11", *found).first.month == 11
    assert not read_month("2026-10", *found).is_over
    with pytest.raises(UserError, match="2026-11 has not begun yet in Europe/London"):
        read_month("2026-11", "Europe/London")


def test_the_first_day_is_that_of_each_site(both: TwoSites) -> None:
    in_london(both, post_orders_from="2026-10-01")
    for branch in (NL, BE):
        both.order(f"PO-{branch.country}", branch, approved_date=LATE)
    both.wait(hours=2)
    assert both.numbers_at(both.exact) == ["PO-NL"]
    assert both.numbers_at(both.belgium) == []
