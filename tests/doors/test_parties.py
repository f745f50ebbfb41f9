"""A list of parties is found by id and by keys, however it came to be what it is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from local.memory import MemoryTable
from ml_connector.doors.parties import Parties
from ml_connector.vendors.party import Party

WORDS = ["a", "b", "c", "d"]
PARTIES = st.builds(
    Party,
    id=st.sampled_from(["1", "2", "3", "4", "5", "#"]),
    name=st.lists(st.sampled_from(WORDS), max_size=3, unique=True).map(" ".join),
    is_usable=st.booleans(),
)
STEPS = st.lists(st.tuples(st.sampled_from(["save", "remove", "withdraw"]), PARTIES), max_size=12)


def by_words(party: Party) -> set[str]:
    return {f"word:{word}" for word in party.name.split()} | {f"few:{party.name[:1]}"}


def a_list(table: MemoryTable) -> Parties:
    return Parties(table, "firm#vendors", by_words, {"few": 2})


@settings(max_examples=150, deadline=None)
@given(st.lists(PARTIES, max_size=6, unique_by=lambda party: party.id), STEPS)
def test_what_is_found_by_a_key_is_what_has_it(
    first: list[Party], steps: list[tuple[str, Party]]
) -> None:
    table = MemoryTable()
    parties = a_list(table)
    parties.keep(*first)
    parties.index(first)
    there = {party.id: party for party in first}
    found = dict(there)
    for act, party in steps:
        if act == "save":
            if party.id not in found and there.get(party.id) == party:
                continue  # withdrawn, and no news
            parties.save(party)
            found[party.id] = there[party.id] = party
        else:
            getattr(parties, act)(party.id)
            found.pop(party.id, None)
            if act == "remove":
                there.pop(party.id, None)
    again = a_list(table)
    assert {party.id: party for party in again.all()} == there
    for word in WORDS:
        having = {id for id, party in found.items() if word in party.name.split()}
        assert {party.id for party in again.find([f"word:{word}"])} == having
        assert len(again.find([f"few:{word}"])) <= 2


def test_a_list_is_indexed_once_it_is_complete() -> None:
    table = MemoryTable()
    parties = a_list(table)
    assert not parties.is_indexed
    parties.save(Party("1", "a"))
    assert not parties.is_indexed
    parties.index(parties.all())
    assert a_list(table).is_indexed
    assert [party.id for party in parties.find(["word:a", "few:a"])] == ["1"]


def test_a_change_is_spread_over_few_rows_of_many() -> None:
    table = MemoryTable()
    parties = a_list(table)
    many = [Party(str(at), f"w{at} x{at}") for at in range(2000)]
    parties.keep(*many)
    parties.index(many)
    rows = {i["sk"]: i for i in table.items() if str(i["sk"]).startswith("keys#")}
    assert len(rows) == 128
    parties.save(Party("7", "w7 changed"))
    after = {i["sk"]: i for i in table.items() if str(i["sk"]).startswith("keys#")}
    assert 0 < sum(rows[sk] != after[sk] for sk in rows) <= 2
    assert [party.id for party in parties.find(["word:changed"])] == ["7"]
    assert parties.find(["word:x7"]) == []
