"""A requested consent is claimed once, however many have read it as waiting."""

import boto3
import pytest
from moto import mock_aws

from local.in_memory.tables import InMemoryTable
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.consents import Consents
from ml_connector.infrastructure.dynamodb import DynamoTable, Table
from ml_connector.secret import Secret
from tests.site import APP, SITE

FIRM = ConnectionId("firm")


def both_claim(table: Table) -> list[bool]:
    first, second = Consents(table), Consents(table)
    state = first.create(APP, SITE, "https://exact.test", "https://stack.test/oauth/exact")
    seen = [each.find(state) for each in (first, second)]
    assert all(one is not None and one.stage == "waiting" for one in seen)
    return [
        each.claim(one) is not None
        for each, one in zip((first, second), seen, strict=True)
        if one is not None
    ]


@pytest.mark.usefixtures("time")
def test_only_one_of_two_readers_claims_it() -> None:
    assert both_claim(InMemoryTable()) == [True, False]


def test_only_one_of_two_readers_claims_it_in_dynamodb(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_state_is_long_and_unique(time: MovableClock) -> None:
    consents = Consents(InMemoryTable())
    states = {consents.create(APP, SITE, "s", "r").reveal() for _ in range(100)}
    assert len(states) == 100
    assert {len(state) for state in states} == {43}, "256 bits"
    assert consents.find(Secret("B" * 43)) is None
