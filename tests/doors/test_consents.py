"""A consent that was asked for is claimed by one, however many have read it as waiting."""

import boto3
import pytest
from moto import mock_aws

from local.memory import MemoryTable
from ml_connector.clock import MovableClock
from ml_connector.doors.consents import Consents
from ml_connector.doors.table import DynamoTable, Table
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret

FIRM = ConnectionId("firm")


def both_claim(table: Table) -> list[bool]:
    first, second = Consents(table), Consents(table)
    state = first.ask(FIRM, "https://exact.test", "https://stack.test/oauth/exact")
    seen = [each.find(state) for each in (first, second)]
    assert all(one is not None and one.stage == "waiting" for one in seen)
    return [
        each.claim(one) is not None
        for each, one in zip((first, second), seen, strict=True)
        if one is not None
    ]


@pytest.mark.usefixtures("time")
def test_two_that_read_it_at_once_do_not_both_claim_it() -> None:
    assert both_claim(MemoryTable()) == [True, False]


def test_dynamodb_keeps_the_second_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        client.create_table(
            TableName="coordination",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        assert both_claim(DynamoTable(client, "coordination")) == [True, False]


def test_a_state_is_long_and_never_the_same(time: MovableClock) -> None:
    consents = Consents(MemoryTable())
    states = {consents.ask(FIRM, "s", "r").reveal() for _ in range(100)}
    assert len(states) == 100
    assert {len(state) for state in states} == {43}, "256 bits"
    assert consents.find(Secret("B" * 43)) is None
