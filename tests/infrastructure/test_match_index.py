"""Parties are found by id and by keys, after any sequence of changes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector.domain.matching.party import Party
from ml_connector.infrastructure.match_index import MatchIndex

WORDS = ["a", "b", "c", "d"]
PARTIES = st.builds(
    Party,
    id=st.sampled_from(["1", "2", "3", "4", "5", "#"]),
    name=st.lists(st.sampled_from(WORDS), max_size=3, unique=True).map(" ".join),
    is_usable=st.booleans(),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["save", "remove", "remove_keys"]), PARTIES), max_size=12
)


def by_words(party: Party) -> set[str]:
    return {f"word:{word}" for word in party.name.split()} | {f"few:{party.name[:1]}"}


def any_index(table: InMemoryTable) -> MatchIndex:
    return MatchIndex(table, lambda: "firm#vendors", by_words, {"few": 2})


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTIES, max_size=6, unique_by=lambda party: party.id), STEPS)
def test_a_key_finds_exactly_the_parties_that_have_it(
    first: list[Party], steps: list[tuple[str, Party]]
) -> None:
    table = InMemoryTable()
    parties = any_index(table)
    parties.store(*first)
    parties.rebuild_index(first)
    stored = {party.id: party for party in first}
    found = dict(stored)
    for act, party in steps:
        if act == "save":
            if party.id not in found and stored.get(party.id) == party:
                continue  # its keys were removed, and it has not changed
            parties.save(party)
            found[party.id] = stored[party.id] = party
        else:
            getattr(parties, act)(party.id)
            found.pop(party.id, None)
            if act == "remove":
                stored.pop(party.id, None)
    again = any_index(table)
    assert {party.id: party for party in again.all()} == stored
    for word in WORDS:
        expected = {id for id, party in found.items() if word in party.name.split()}
        assert {party.id for party in again.find([f"word:{word}"])} == expected
        assert len(again.find([f"few:{word}"])) <= 2


def test_a_list_is_indexed_once_it_is_complete() -> None:
    table = InMemoryTable()
    parties = any_index(table)
    assert not parties.is_indexed
    parties.save(Party("1", "a"))
    assert not parties.is_indexed
    parties.rebuild_index(parties.all())
    assert any_index(table).is_indexed
    assert [party.id for party in parties.find(["word:a", "few:a"])] == ["1"]


def test_a_change_touches_few_buckets() -> None:
    table = InMemoryTable()
    parties = any_index(table)
    many = [Party(str(at), f"w{at} x{at}") for at in range(2000)]
    parties.store(*many)
    parties.rebuild_index(many)
    before = {i["sk"]: i for i in table.items() if str(i["sk"]).startswith("keys#")}
    assert len(before) == 128
    parties.save(Party("7", "w7 changed"))
    after = {i["sk"]: i for i in table.items() if str(i["sk"]).startswith("keys#")}
    assert 0 < sum(before[sk] != after[sk] for sk in before) <= 2
    assert [party.id for party in parties.find(["word:changed"])] == ["7"]
    assert parties.find(["word:x7"]) == []
