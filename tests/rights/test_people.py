"""The documented policies of people: whole, small enough for IAM, and in any partition."""

import json

import pytest

from local.rights.intrinsics import Place, Resolver
from local.rights.policies import listed
from local.rights.stack_policies import StackPolicies
from local.stack import PEOPLE
from tests.template.deployed import deployed, documents

CHINA = Place("111122223333", "cn-north-1", "aws-cn")
LONGEST_STACK = "s" * 42
_LIMIT = 6144  # characters of a managed policy, blanks aside


def _physical_name(logical_id: str) -> str:
    return f"{LONGEST_STACK}-{logical_id}-ABCDEFGHIJKLM"


RESOLVER = Resolver(deployed().cloudformation, LONGEST_STACK, CHINA, _physical_name)


@pytest.mark.parametrize("policy", ["CommonPolicy", "WorkerPolicy", *PEOPLE.values()])
def test_a_policy_is_small_enough_for_iam(policy: str) -> None:
    document = RESOLVER.resolve(deployed().of_type("AWS::IAM::ManagedPolicy")[policy])
    text = json.dumps(document["PolicyDocument"], separators=(",", ":"))
    assert len(text) <= _LIMIT


def test_the_partition_is_never_literal() -> None:
    assert "arn:aws:" not in json.dumps(deployed().cloudformation)
    for document in documents():
        assert "arn:aws:" not in json.dumps(RESOLVER.resolve(document))
    attached = StackPolicies(deployed().cloudformation, RESOLVER).of_resources()
    assert all(arn.startswith("arn:aws-cn:") for arn in attached)


@pytest.mark.parametrize("person", PEOPLE)
def test_a_persons_policy_is_an_output(person: str) -> None:
    output = deployed().cloudformation["Outputs"][f"{person.title()}PolicyArn"]
    assert output["Value"] == {"Ref": PEOPLE[person]}


def test_a_reader_may_write_nothing_and_read_no_secret() -> None:
    document = deployed().of_type("AWS::IAM::ManagedPolicy")["ReaderPolicy"]["PolicyDocument"]
    given = {action for each in document["Statement"] for action in listed(each["Action"])}
    assert given == {
        "cloudformation:DescribeStacks",
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "kms:Decrypt",
        "kms:DescribeKey",
    }
