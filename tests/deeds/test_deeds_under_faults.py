"""A deed comes to its end, and does everything once, whatever happens to workers and records."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from local.in_memory.environment import InMemoryEnvironment
from ml_connector.deeds import groups, results
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.ids import RecordKey
from ml_connector.domain.records import DeedState, OrderState
from ml_connector.exact.rate_limiter import RateLimiter
from ml_connector.exceptions.decisions import comment
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.messages.kinds import DeedName
from tests.deeds.people import People
from tests.lasting_tokens import let_tokens_last
from tests.vendors.crashes import CrashInjector

FAILED = "It failed, and why was logged."
DEEDS: dict[DeedName, dict[str, Any]] = {
    "comment": {"reason": "asked the vendor"},
    "assign": {"reason": "bert"},
    "dismiss": {"reason": "not ours"},
    "retry": {},
    "decide": {"exact": "4100"},
    "snooze": {"reason": "3"},
}
STEPS = {"comment": "commented", "assign": "assigned", "dismiss": "dismissed", "decide": "decided"}


def throttled(*_: object, **__: object) -> Any:
    error = {"Error": {"Code": "ThrottlingException", "Message": ""}}
    raise ClientError(error, "TransactWriteItems")  # type: ignore[arg-type]


def broken(*_: object, **__: object) -> Any:
    raise KeyError("a bug")


class OneFails:
    """What a deed does fails over one record, and is counted for each."""

    def __init__(self, key: RecordKey, fails: Callable[..., Any]) -> None:
        self.key, self.fails = key, fails
        self.times: dict[str, int] = {}

    def over(self, deed: Callable[..., Any]) -> Callable[..., Any]:
        def act(stack: Any, actor: Any, id: Any, name: Any, *more: Any, **named: Any) -> Any:
            self.times[name] = self.times.get(name, 0) + 1
            return (self.fails if name == self.key else deed)(
                stack, actor, id, name, *more, **named
            )

        return act


# ------------------------------------------------------------ crashes


@pytest.mark.parametrize("deed", [*DEEDS, "rule"])
def test_a_crash_after_any_write_leaves_nothing_undone_and_nothing_done_twice(
    people: People, deed: str
) -> None:
    let_tokens_last(people.env)
    crashes = CrashInjector(cast("Any", people.env))
    name: DeedName = "decide" if deed == "rule" else deed  # type: ignore[assignment]
    more = {"exact": "4100", "for_all": True} if deed == "rule" else DEEDS[name]
    for write in range(1, 200):
        account = f"8{write:03d}"
        orders = people.unmapped(account, 2)
        key = people.ask("anna", name, people.group(account), **more)
        people.deliver(people.env.memory.queues)
        people.env.clock.move(11)
        people.send("anna", "go", key)
        crashes.arm(write)
        people.deliver(people.env.memory.queues)
        has_crashed = crashes.has_crashed
        crashes.disarm()
        people.work(8)
        assert set(people.results(key).values()) == {""}, (write, people.results(key))
        for order in orders:
            steps = people.env.steps(order)
            assert steps.count(STEPS.get(deed, "none")) == (deed in STEPS), (write, steps)
            if deed in {"rule", "decide"}:
                assert people.env.record(order).state == OrderState.POSTED, write
        if not has_crashed:
            assert write > 4, "the last deed came through without a crash"
            return
    raise AssertionError("it has crashed after every write")


@pytest.mark.parametrize("deed", ["comment", "dismiss"])
def test_when_its_end_is_not_stored_nothing_is_said_or_done_twice(
    people: People, monkeypatch: pytest.MonkeyPatch, deed: DeedName
) -> None:
    orders = people.unmapped("8801", 3)
    write, left = Ledger.write, [3]

    def failing(ledger: Ledger, record: Any, step: str, **more: Any) -> Any:
        if step == "done" and left[0]:
            left[0] -= 1
            throttled()
        return write(ledger, record, step, **more)

    monkeypatch.setattr(Ledger, "write", failing)
    key = people.ask("anna", deed, people.group("8801"), **DEEDS[deed])
    people.work(12)
    assert set(people.results(key).values()) == {""}
    assert [people.env.steps(each).count(STEPS[deed]) for each in orders] == [1, 1, 1]


# ------------------------------------------------------------ one bad record


def newer(people: People, order: dict[str, Any]) -> RecordKey:
    """Make the order's record one that a newer version has written."""
    key = people.env.record(order).key
    table = people.env.services.tables.ledger
    item = table.get("example-firm", key)
    assert item
    stored = json.loads(str(item["facts"])) | {"brand_new": 1}
    table.put(item | {"facts": json.dumps(stored)})
    return key


@pytest.mark.parametrize("deed", [*DEEDS, "try"])
def test_a_record_of_a_newer_version_stops_no_other_and_is_named(
    people: People, deed: DeedName
) -> None:
    orders = people.unmapped("8801", 3)
    group = people.group("8801")
    key = newer(people, orders[1])
    asked = people.ask("anna", deed, group, **{"exact": "4100", **DEEDS.get(deed, {})})
    people.work(2)
    whys = people.results(asked)
    assert "deploy that version again" in whys.pop(key.partition("#")[2])
    assert whys == {"PO-8801-0": "", "PO-8801-2": ""}


@pytest.mark.parametrize("fails", [throttled, broken])
def test_a_record_that_fails_again_and_again_stops_no_other_and_is_named(
    people: People, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., Any]
) -> None:
    orders = people.unmapped("8801", 3)
    bad = OneFails(people.env.record(orders[0]).key, fails)
    monkeypatch.setattr(results, "comment", bad.over(comment))
    key = people.ask("anna", "comment", people.group("8801"), **DEEDS["comment"])
    people.work(12)
    whys = people.results(key)
    assert whys.pop("PO-8801-0").startswith(FAILED)
    assert set(whys.values()) == {""}
    assert bad.times[bad.key] <= 5
    assert [people.env.steps(each).count("commented") for each in orders] == [0, 1, 1]


def test_a_record_that_ends_its_workers_is_left_out(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object, **__: object) -> Any:
        raise SystemExit

    orders = people.unmapped("8801", 4)
    bad = OneFails(people.env.record(orders[2]).key, end)
    monkeypatch.setattr(results, "comment", bad.over(comment))
    key = people.ask("anna", "comment", people.group("8801"), **DEEDS["comment"])
    people.work(25)
    whys = people.results(key)
    assert whys.pop(bad.key.partition("#")[2]).startswith(FAILED)
    assert set(whys.values()) == {""}
    assert [people.env.steps(each).count("commented") for each in orders] == [1, 1, 0, 1]
    assert bad.times[bad.key] <= 6


def test_a_record_that_is_chosen_twice_is_told_once(people: People) -> None:
    (order,) = people.unmapped("8801")
    key = people.env.record(order).key
    people.ask("anna", "comment", people.group("8801"), records=(key, key), reason="x")
    people.work(2)
    assert people.env.steps(order).count("commented") == 1


# ------------------------------------------------------------ halts, limits, and many records


def refused_everywhere(env: InMemoryEnvironment, _: pytest.MonkeyPatch) -> None:
    env.airbase.api_key = "another"
    env.post(env.order("PO-H"))
    assert list(env.services.ledger_of(env.connection().id).connection().facts.halts) == [""]


def no_consent(env: InMemoryEnvironment, _: pytest.MonkeyPatch) -> None:
    env.exact.revoke_consent()
    env.clock.move(700)
    env.post(env.order("PO-H"))
    assert env.services.ledger_of(env.connection().id).connection().facts.halts


def no_calls(_: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimiter, "minute_and_day_left", lambda *_, **__: (0, 0))
    monkeypatch.setattr(RateLimiter, "calls_left", lambda *_, **__: 0)


@pytest.mark.parametrize("deed", ["dismiss", "comment", "snooze", "retry", "decide"])
@pytest.mark.parametrize("stop", [refused_everywhere, no_consent, no_calls])
def test_nothing_that_stops_orders_stops_what_people_ask_for(
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    stop: Callable[[InMemoryEnvironment, pytest.MonkeyPatch], None],
    deed: DeedName,
) -> None:
    people.unmapped("8801", 2)
    group = people.group("8801")
    stop(people.env, monkeypatch)
    key = people.ask("anna", deed, group, **DEEDS[deed])
    people.work(2)
    assert set(people.results(key).values()) == {""}


def test_what_cannot_be_asked_in_exact_now_is_told_with_its_reason_and_its_time(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.unmapped("8801")
    group = people.group("8801")
    until = people.env.tomorrow()

    def no_call(*_: object, **__: object) -> Any:
        raise delay("EXACT_DAY_LIMIT", until, division="nl.2101")

    monkeypatch.setattr(results, "preview", no_call)
    key = people.ask("anna", "try", group, exact="4100")
    people.work(1)
    (why,) = people.results(key).values()
    assert why.endswith(f"Ask again from {until:%Y-%m-%d %H:%M} UTC on.")
    assert "call" in why


def test_what_could_not_be_done_for_a_day_is_ended_and_says_so(people: People) -> None:
    """The sweep did not run: deciding by what somebody saw the day before would surprise them."""
    (order,) = people.unmapped("8801")
    key = people.ask("anna", "dismiss", people.group("8801"), **DEEDS["dismiss"])
    people.deliver(people.env.memory.queues)
    people.work(1, first=86_400 + 3_600)
    people.work(1)
    assert set(people.results(key).values()) == {"It was not done within a day. Ask for it again."}
    assert people.env.record(order).problems


def test_many_records_are_done_by_chains_that_lambda_does_not_cut(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_AT_ONCE", 1)
    orders = people.unmapped("8801", 30)
    key = people.ask("anna", "comment", people.group("8801"), **DEEDS["comment"])
    people.deliver(people.env.memory.queues)
    people.work(1)
    assert people.deed(key).state == DeedState.PARKED
    assert len(people.rows(key)) == 11
    people.work(3)
    assert len(people.results(key)) == 30
    assert people.env.memory.queues.dead == []
    assert {people.env.steps(each).count("commented") for each in orders} == {1}


def test_a_sweep_that_comes_too_early_does_not_leave_a_deed_for_the_next_ten_minutes(
    people: People,
) -> None:
    people.unmapped("8801")
    group = people.group("8801")
    people.work(30)  # the connection comes to rest
    key = people.ask("anna", "comment", group, **DEEDS["comment"])
    people.deliver(people.env.memory.queues)
    for _ in range(2):
        people.work(1, first=3)
    people.work(2)
    assert set(people.results(key).values()) == {""}
