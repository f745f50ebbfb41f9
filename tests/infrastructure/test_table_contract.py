"""The in-memory table and the one over DynamoDB behave alike."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.infrastructure.dynamodb import (
    CheckVersion,
    Delete,
    DeleteUnchanged,
    DynamoTable,
    Insert,
    Item,
    Put,
    Replace,
    Table,
    Write,
    members,
)

HOUR = 3600
MakeTable = Callable[[str], Table]


def _create(client: Any, name: str) -> None:
    keys = ("pk", "sk", "due_group", "due_at")
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
        KeySchema=_schema("pk", "sk"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": _schema("due_group", "due_at"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def _schema(group: str, order: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": group, "KeyType": "HASH"},
        {"AttributeName": order, "KeyType": "RANGE"},
    ]


@pytest.fixture(params=["memory", "dynamo"])
def make_table(request: pytest.FixtureRequest) -> Iterator[MakeTable]:
    if request.param == "memory":
        yield InMemoryTable
        return
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")

        def make(name: str) -> Table:
            _create(client, name)
            return DynamoTable(client, name)

        yield make


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table("one")


def any_item(sk: str = "a", version: int = 1, **more: str | int | bool) -> Item:
    return {"pk": "firm", "sk": sk, "version": version, **more}


def test_an_item_that_was_never_written_is_absent(table: Table) -> None:
    assert table.get("firm", "a") is None


def test_an_item_is_read_as_written(table: Table) -> None:
    item = any_item(text="é", number=-3, yes=True, no=False, empty="")
    assert table.insert(item)
    assert table.get("firm", "a") == item


def test_an_item_that_was_read_is_a_copy(table: Table) -> None:
    table.insert(any_item(text="x"))
    read = table.get("firm", "a")
    assert read is not None
    read["text"] = "y"
    assert table.get("firm", "a") == any_item(text="x")


def test_a_second_insert_is_refused(table: Table) -> None:
    assert table.insert(any_item(text="first"))
    assert not table.insert(any_item(text="second"))
    assert table.get("firm", "a") == any_item(text="first")


def test_an_expired_item_counts_as_gone(table: Table) -> None:
    table.put(any_item(expires_at=int(clock.epoch()) - 1))
    assert table.get("firm", "a") is None
    assert list(table.query("firm")) == []
    assert table.insert(any_item(text="new"))


def test_an_item_is_present_until_it_expires(table: Table) -> None:
    table.put(any_item(expires_at=int(clock.epoch()) + HOUR))
    assert table.get("firm", "a") is not None
    assert not table.insert(any_item())


def test_only_the_version_that_was_read_is_replaced(table: Table) -> None:
    table.insert(any_item())
    assert table.replace(any_item(version=2), expected=1)
    assert not table.replace(any_item(version=3), expected=1)
    assert table.get("firm", "a") == any_item(version=2)


def test_an_absent_item_is_not_replaced(table: Table) -> None:
    assert not table.replace(any_item(), expected=1)
    assert table.get("firm", "a") is None


def test_many_items_are_read_at_once(table: Table) -> None:
    keys = [f"k{number:03}" for number in range(230)]
    table.put_all(any_item(key) for key in keys[:-1])
    table.put({"pk": "other", "sk": "k000", "version": 1})
    table.put(any_item("gone", expires_at=int(clock.epoch()) - 1))
    found = table.get_many("firm", [*keys, "k000", "gone"])
    assert sorted(str(item["sk"]) for item in found) == keys[:-1]
    assert {item["pk"] for item in found} == {"firm"}
    assert table.get_many("firm", []) == []


def test_a_check_refuses_all_writes(table: Table) -> None:
    table.insert(any_item("a", version=2))
    for key, version in (("a", 1), ("absent", 1)):
        writes: list[Write] = [Put(table, any_item("b")), CheckVersion(table, "firm", key, version)]
        assert not table.transact(writes)
        assert table.get("firm", "b") is None
    assert table.transact([Put(table, any_item("b")), CheckVersion(table, "firm", "a", 2)])
    assert table.get("firm", "a") == any_item("a", version=2)
    assert table.get("firm", "b") == any_item("b")


@pytest.mark.parametrize(
    "stored",
    [
        {"n": 1, "text": "other", "is_so": True},
        {"n": 2, "text": "a", "is_so": True},
        {"n": 1, "text": "a", "is_so": False},
        {"n": 1, "is_so": True},
        None,
    ],
)
def test_only_an_unchanged_item_is_deleted(table: Table, stored: Any) -> None:
    read: Item = {"pk": "a", "sk": "1", "n": 1, "text": "a", "is_so": True}
    moved = Put(table, {**read, "sk": "2"})
    if stored is not None:
        table.put({"pk": "a", "sk": "1", **stored})
    assert not table.transact([DeleteUnchanged(table, read), moved])
    assert table.get("a", "2") is None
    table.put(read)
    assert table.transact([DeleteUnchanged(table, read), moved])
    assert table.get("a", "1") is None
    assert table.get("a", "2")


def test_partitions_that_have_a_key(table: Table) -> None:
    for pk, sk in (("one", "a"), ("two", "b"), ("three", "a"), ("one", "b")):
        table.put({"pk": pk, "sk": sk})
    assert sorted(table.partitions("a")) == ["one", "three"]
    assert list(table.partitions("c")) == []


def test_put_overwrites(table: Table) -> None:
    table.put(any_item(text="x"))
    table.put(any_item(version=7))
    assert table.get("firm", "a") == any_item(version=7)


def test_put_all_overwrites(table: Table) -> None:
    table.put(any_item("07", version=9))
    table.put_all(any_item(f"{n:02}") for n in range(60))
    assert list(table.query("firm")) == [any_item(f"{n:02}") for n in range(60)]


def test_delete_removes_and_tolerates_absence(table: Table) -> None:
    table.insert(any_item())
    table.delete("firm", "a")
    table.delete("firm", "a")
    assert table.get("firm", "a") is None


def test_a_transaction_covers_two_tables(make_table: MakeTable) -> None:
    one, two = make_table("one"), make_table("two")
    one.insert(any_item())
    assert one.transact([Replace(one, any_item(version=2), 1), Insert(two, any_item())])
    assert one.get("firm", "a") == any_item(version=2)
    assert two.get("firm", "a") == any_item()


@pytest.mark.parametrize("refused", ["insert", "replace"])
def test_a_refused_transaction_does_nothing(make_table: MakeTable, refused: str) -> None:
    one, two = make_table("one"), make_table("two")
    two.insert(any_item())
    bad = Insert(two, any_item()) if refused == "insert" else Replace(two, any_item("a", 9), 8)
    assert not one.transact([Insert(one, any_item()), bad])
    assert one.get("firm", "a") is None
    assert two.get("firm", "a") == any_item()


def test_a_transaction_may_put_and_delete_unconditionally(table: Table) -> None:
    table.insert(any_item("old", 7))
    writes: list[Write] = [
        Put(table, any_item("old", 1)), Put(table, any_item("new")), Delete(table, "firm", "x"),
    ]  # fmt: skip
    assert table.transact(writes)
    assert table.transact([Delete(table, "firm", "new"), Replace(table, any_item("old", 2), 1)])
    assert [(item["sk"], item["version"]) for item in table.query("firm")] == [("old", 2)]


def test_a_refused_transaction_neither_puts_nor_deletes(table: Table) -> None:
    table.insert(any_item("kept"))
    writes: list[Write] = [Delete(table, "firm", "kept"), Put(table, any_item("new"))]
    writes.append(Insert(table, any_item()))
    table.insert(any_item())
    assert not table.transact(writes)
    assert [item["sk"] for item in table.query("firm")] == ["a", "kept"]


def test_a_transaction_never_writes_one_item_twice(table: Table) -> None:
    with pytest.raises(Exception, match=r"(?i)transact"):
        table.transact([Insert(table, any_item()), Insert(table, any_item())])


def test_a_counter_stops_at_its_ceiling(table: Table) -> None:
    until = int(clock.epoch()) + HOUR
    added = [table.add("firm", "calls", 2, 5, until) for _ in range(3)]
    assert added == [True, True, False]
    item = table.get("firm", "calls")
    assert item is not None
    assert item["used"] == 4
    assert table.add("firm", "calls", 1, 5, until)
    assert not table.add("firm", "other", 6, 5, until)


def test_a_counter_is_raised_but_never_lowered(table: Table) -> None:
    until = int(clock.epoch()) + HOUR
    for used in (3, 9, 4):
        table.raise_to("firm", "calls", used, until)
    item = table.get("firm", "calls")
    assert item is not None
    assert item["used"] == 9
    assert not table.add("firm", "calls", 1, 9, until)


def test_a_set_takes_so_many_members_and_each_once(table: Table) -> None:
    until = int(clock.epoch()) + HOUR
    joined = [table.join("firm", "places", each, 2, until) for each in ("b", "a", "a", "c")]
    assert joined == [True, True, True, False]
    assert members(table.get("firm", "places")) == ["a", "b"]
    assert table.leave("firm", "places", "b") == ["a"]
    assert table.leave("firm", "places", "b") == ["a"]
    assert table.join("firm", "places", "c", 2, until)
    assert [table.leave("firm", "places", each) for each in ("a", "c", "d")] == [["c"], [], []]
    assert members(table.get("firm", "places")) == []


def test_who_leaves_a_set_that_never_was_leaves_nothing(table: Table) -> None:
    assert table.leave("firm", "places", "a") == []


def test_a_query_yields_one_partition_in_key_order(table: Table) -> None:
    for sk in ("b#2", "a#1", "b#1", "c"):
        table.insert(any_item(sk))
    table.insert({"pk": "other", "sk": "b#3", "version": 1})
    assert [item["sk"] for item in table.query("firm")] == ["a#1", "b#1", "b#2", "c"]
    assert [item["sk"] for item in table.query("firm", "b#")] == ["b#1", "b#2"]
    assert [item["sk"] for item in table.query("firm", "b#", backwards=True)] == ["b#2", "b#1"]
    assert list(table.query("nobody")) == []


def test_an_index_yields_what_is_due_oldest_first(table: Table) -> None:
    for sk, due in (("x", "2026-03"), ("y", "2026-01"), ("z", "2026-09")):
        table.insert(any_item(sk, due_group="firm", due_at=due))
    table.insert(any_item("w", due_group="other", due_at="2026-01"))
    table.insert(any_item("v"))
    assert [item["sk"] for item in table.query_index("due", "firm", "2026-03")] == ["y", "x"]
    one_by_one = table.query_index("due", "firm", "2026-03", 1)
    assert [item["sk"] for item in one_by_one] == ["y", "x"]


def test_delete_all_removes_only_the_items_given(table: Table) -> None:
    table.put_all({"pk": "a", "sk": f"{n:03d}"} for n in range(60))
    table.put({"pk": "b", "sk": "001"})
    table.delete_all("a", [f"{n:03d}" for n in range(1, 60)] + ["never there"])
    assert [item["sk"] for item in table.query("a")] == ["000"]
    assert table.get("b", "001")
    table.delete_all("a", [])


def test_attributes_of_an_item_are_changed_and_removed_if_it_is_unchanged(table: Table) -> None:
    table.insert(any_item("a", due_group="firm", due_at="2026-01", body="kept"))
    assert not table.change("firm", "a", 2, {"version": 3})
    assert not table.change("firm", "none", 1, {"version": 2})
    assert table.get("firm", "none") is None
    assert table.change("firm", "a", 1, {"version": 2, "done": True}, ("due_group", "due_at"))
    expected = {"pk": "firm", "sk": "a", "version": 2, "body": "kept", "done": True}
    assert table.get("firm", "a") == expected
    assert list(table.query_index("due", "firm", "2026-02")) == []
    assert table.change("firm", "a", 2, {"version": 3})


def test_a_range_of_keys_includes_both_ends(table: Table) -> None:
    for sk in ("a", "b#1", "b#2", "c#1", "d"):
        table.insert(any_item(sk))
    assert [item["sk"] for item in table.between("firm", "b#1", "c#~")] == ["b#1", "b#2", "c#1"]
    assert [item["sk"] for item in table.between("firm", "a", "b#1")] == ["a", "b#1"]
    assert list(table.between("other", "a", "d")) == []
