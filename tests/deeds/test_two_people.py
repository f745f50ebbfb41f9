"""Two people decide about one group at once: the second is told who was first, and when."""

from typing import Any

import pytest

from local.firm import DE
from ml_connector import clock
from ml_connector.deeds import results
from ml_connector.domain.ids import Division
from ml_connector.domain.records import DeedState, OrderState
from ml_connector.exceptions.decisions import dismiss
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.mapping.import_export import set_one
from ml_connector.messages.kinds import RequestName
from tests.deeds.people import People
from tests.person_stack import PERSON, PersonStack

NL_DIVISION = Division("nl.2101")


def mapped(people: People, account: str) -> str:
    connection = people.env.services.connections.whole(people.env.connection())
    found = connection.division(NL_DIVISION)
    return found.mappings.gl_accounts.get(account, "") if found else ""


@pytest.mark.parametrize("scope", [True, False], ids=["a rule too", "for these orders"])
@pytest.mark.parametrize("later", [0, 3, 12, 300], ids=lambda each: f"{each} s later")
def test_a_rule_is_not_replaced_by_who_has_not_seen_it(
    people: People, later: float, scope: bool
) -> None:
    orders = people.unmapped("8801", 2)
    group = people.group("8801")
    first = people.ask("anna", "decide", group, exact="4100", for_all=True)
    people.deliver(people.env.memory.queues)
    people.env.clock.move(later)
    if later > 10:
        people.send("anna", "go", first)  # the rule is made before the second asks
    second = people.ask("bert", "decide", group, exact="4300", for_all=scope)
    people.work(4)
    whys = people.results(second)
    assert set(whys.values()) == {
        f"decided meanwhile by Anna, {made(people)}: 8801 stands for 4100"
    }
    assert set(people.results(first).values()) == {""}
    assert mapped(people, "8801") == "4100"
    assert [people.env.record(each).state for each in orders] == [OrderState.POSTED] * 2
    assert all(people.env.record(each).facts.decisions == () for each in orders)


def made(people: People) -> str:
    """Return when the connection's mappings were changed."""
    (entry,) = [e for e in people.ledger.trail("connection") if e.step == "mappings_changed"]  # type: ignore[arg-type]
    return f"{entry.at[:10]} {entry.at[11:16]} UTC"


def test_of_two_rules_in_one_moment_one_holds(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read the connection before either of them saves it."""
    people.unmapped("8801")
    group = people.group("8801")
    save, stack = ConnectionStore.save_if_unchanged, PersonStack(people.env)

    def rival_first(store: ConnectionStore, *given: Any) -> bool:
        monkeypatch.setattr(ConnectionStore, "save_if_unchanged", save)
        set_one(stack, PERSON, "example-firm", NL_DIVISION, "gl_accounts", "8801", "4300")
        return save(store, *given)

    monkeypatch.setattr(ConnectionStore, "save_if_unchanged", rival_first)
    deed = people.ask("anna", "decide", group, exact="4100", for_all=True)
    people.work(3)
    (why,) = people.results(deed).values()
    assert why.startswith("decided meanwhile by bookkeeper, ")
    assert mapped(people, "8801") == "4300"


def test_who_has_made_a_rule_may_make_another(people: People) -> None:
    people.unmapped("8801")
    group = people.group("8801")
    deeds = [
        people.ask("anna", "decide", group, exact=exact, for_all=True) for exact in ("4100", "4300")
    ]
    people.work(3)
    assert people.deed(deeds[1]).facts.refused == ""
    assert mapped(people, "8801") == "4300"


def test_a_rule_that_was_wrong_when_the_group_was_opened_is_replaced(people: People) -> None:
    """Somebody has mapped it to what Exact does not have any more: that is why it is open."""
    what = ("gl_accounts", "8801", "4300")
    set_one(PersonStack(people.env), PERSON, "example-firm", NL_DIVISION, *what)
    people.env.clock.move(60)
    accounts = people.env.exact.world.divisions[2101].table("financial/GLAccounts")
    id = next(id for id, row in accounts.items() if row["Code"] == "4300")
    people.env.exact.remove(2101, "financial/GLAccounts", id)
    people.env.wait(hours=25)
    people.unmapped("8801")
    (group,) = people.ledger.groups.all()
    deed = people.ask("anna", "decide", group, exact="4100", for_all=True)
    people.work(3)
    assert set(people.results(deed).values()) == {""}
    assert mapped(people, "8801") == "4100"


def link_group(people: People) -> tuple[Any, Any]:
    people.env.firm.vendors["New"] = people.env.airbase.add_vendor(
        "Bright Windows B.V.", city="Oss"
    )
    order = people.env.order("PO-V", vendor="New")
    people.env.post(order)
    return order, people.group("Bright Windows")


@pytest.mark.parametrize("scope", [True, False], ids=["a rule too", "for these orders"])
def test_a_vendor_is_not_linked_to_another_supplier_by_who_has_not_seen_the_link(
    people: People, scope: bool
) -> None:
    _, group = link_group(people)
    suppliers = people.env.exact.world.divisions[2101].table("crm/Accounts").values()
    codes = [str(each["Code"]).strip() for each in suppliers if each["IsSupplier"]][:2]
    first = people.ask("anna", "decide", group, exact=codes[0], for_all=True)
    second = people.ask("bert", "decide", group, exact=codes[1], for_all=scope)
    people.work(3)
    assert set(people.results(first).values()) == {""}
    (why,) = people.results(second).values()
    assert why.startswith("decided meanwhile by Anna, ")
    assert codes[0] in why
    links = list(people.env.services_of().vendor_links.all(NL_DIVISION))
    assert "anna" in next(each.decided_by for each in links if each.vendor == group.matter.vendor)


def test_a_record_of_another_division_is_not_named(people: People) -> None:
    (secret,) = people.unmapped("8999", branch=DE)
    people.unmapped("8801", 2)
    group = people.group("8801")
    foreign = people.env.record(secret).key
    for deed, more in ACTS:
        given = (foreign, people.ledger.groups.members(group.id, "", 1)[0].record)
        key = people.ask("clerk", deed, group, records=given, **more)
        people.work(2)
        (row,) = [each for each in people.rows(key) if each.record == foreign]
        assert (row.title, row.why) == (foreign.partition("#")[2], "not open any more")
        shown = str(people.deed(key).facts)
        assert "PO-8999" not in shown, deed
        assert people.deed(key).facts.divisions == (NL_DIVISION,)
    assert people.env.steps(secret)[-1] == "review"


ACTS: Any = [
    ("comment", {"reason": "x"}),
    ("assign", {"reason": "me"}),
    ("try", {"exact": "4100"}),
    ("decide", {"exact": "4100"}),
    ("dismiss", {"reason": "x"}),
]


def test_nor_when_the_group_is_gone_when_it_is_asked_for(people: People) -> None:
    (secret,) = people.unmapped("8999", branch=DE)
    (own,) = people.unmapped("8801")
    group = people.group("8801")
    given = (people.env.record(secret).key, people.env.record(own).key)
    people.ask("anna", "dismiss", group, reason="not ours")
    people.work(2)
    late = people.ask("clerk", "comment", group, reason="x", records=given)
    people.work(2)
    titles = {each.title: each.why for each in people.rows(late)}
    assert "PO-8999-0" not in titles
    assert titles["PO-8801-0"].startswith("decided meanwhile by Anna, ")
    unsaid = people.ask("clerk", "comment", group, reason="x", records=given)
    people.work(2)
    assert people.deed(unsaid).facts.divisions == (NL_DIVISION,), "as the clerk saw them"


def test_what_has_begun_cannot_be_taken_back(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker was ended in the middle: something was done, and the rest will be."""
    orders = people.unmapped("8801", 3)
    deed = people.ask("anna", "dismiss", people.group("8801"), reason="not ours")
    people.deliver(people.env.memory.queues)
    people.env.clock.move(11)
    _end_after(monkeypatch, 2)
    people.send("anna", "go", deed)
    people.deliver(people.env.memory.queues)
    people.send("bert", "undo", deed)
    people.work(4)
    assert people.deed(deed).state == DeedState.DONE
    assert set(people.results(deed).values()) == {""}
    assert {people.env.record(each).state for each in orders} == {OrderState.SET_ASIDE}


def _end_after(monkeypatch: pytest.MonkeyPatch, records: int) -> None:
    left = [records]

    def ending(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            raise SystemExit
        return dismiss(*given, **named)

    monkeypatch.setattr(results, "dismiss", ending)


# ------------------------------------------------------------ the pages of vendors and mappings


@pytest.mark.parametrize("second", ["vendor_linked", "vendor_rejected"])
def test_a_link_is_not_replaced_by_who_has_not_seen_it_on_the_page(
    people: People, second: RequestName
) -> None:
    _, group = link_group(people)
    suppliers = people.env.exact.world.divisions[2101].table("crm/Accounts").values()
    codes = [str(each["Code"]).strip() for each in suppliers if each["IsSupplier"]][:2]
    page = {
        "vendor": group.matter.vendor,
        "divisions": NL_DIVISION,
        "reason": "known",
        "seen": clock.now().isoformat(),
    }
    first = people.request("anna", "vendor_linked", supplier=codes[0], **page)
    assert first
    assert first.is_done
    other = codes[0] if second == "vendor_rejected" else codes[1]
    late = people.request("bert", second, supplier=other, **page)
    assert late
    assert str(late.values["why"]).startswith("decided meanwhile by Anna, ")
    assert codes[0] in str(late.values["why"])
    again = people.request("anna", "vendor_linked", supplier=codes[1], **page)
    assert again
    assert again.is_done, "what one has decided oneself is known"
    people.env.clock.move(1)
    page["seen"] = clock.now().isoformat()
    seen = people.request("bert", "vendor_linked", supplier=codes[0], **page)
    assert seen
    assert seen.is_done, "a page that was read since shows it"


def test_a_mapping_is_not_replaced_by_who_has_not_seen_it_on_the_page(people: People) -> None:
    people.unmapped("8801")

    def map_it(who: str, exact: str, before: str) -> str:
        csv = f"division,kind,airbase,exact\nnl.2101,gl_accounts,8801,{exact}\n"
        outcome = people.request(who, "mappings_imported", csv=csv, before=before)
        assert outcome
        return str(outcome.values.get("why", ""))

    assert map_it("anna", "4100", "") == ""
    why = map_it("bert", "4300", "")
    assert why.startswith("decided meanwhile by Anna, ")
    assert mapped(people, "8801") == "4100"
    assert map_it("bert", "4300", "4100") == "", "a page that was read since shows it"
    assert mapped(people, "8801") == "4300"


def test_a_page_does_not_replace_the_rule_of_a_group(people: People) -> None:
    people.unmapped("8801")
    people.ask("anna", "decide", people.group("8801"), exact="4100", for_all=True)
    people.work(2)
    csv = "division,kind,airbase,exact\nnl.2101,gl_accounts,8801,4300\n"
    late = people.request("bert", "mappings_imported", csv=csv, before="")
    assert late
    assert str(late.values["why"]).startswith("decided meanwhile by Anna, ")
