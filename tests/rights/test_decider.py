"""The decider answers as IAM does; the refused cases come first in each table."""

from typing import Any

import pytest

from local.rights.conditions import compile_condition
from local.rights.decider import Decider, Question
from local.rights.patterns import is_action_like, is_arn_like
from local.rights.policies import Principal, read_policy

ROLE = Principal("Role", "arn:aws:sts::111122223333:assumed-role/role/session")
CLOUDWATCH = Principal("cloudwatch.amazonaws.com", service="cloudwatch.amazonaws.com")
TABLE = "arn:aws:dynamodb:eu-central-1:111122223333:table/ledger"
QUEUE = "arn:aws:sqs:eu-central-1:111122223333:work.fifo"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/k-1"
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:stack/exact-app/firm-AbCdEf"
TOPIC = "arn:aws:sns:eu-central-1:111122223333:alarms"
ROOT = "arn:aws:iam::111122223333:root"

NEWS = {
    "Null": {"dynamodb:LeadingKeys": "false"},
    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": "*#news"},
}
OF_ONE_FIRM = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["firm"]}}
VIA_DYNAMODB = {"StringEquals": {"kms:ViaService": "dynamodb.eu-central-1.amazonaws.com"}}
OF_THE_APP = {
    "StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"},
    "StringLike": {"kms:EncryptionContext:SecretARN": SECRET.replace("firm-AbCdEf", "*")},
}
SEALED = {
    "Null": {"kms:EncryptionContext:connection": "false"},
    "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["connection"]},
}


def allow(action: Any, resource: Any, condition: Any = None, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return statement | ({"Condition": condition} if condition else {})


def deny(action: Any, resource: Any, condition: Any = None, **more: Any) -> dict[str, Any]:
    return allow(action, resource, condition, **more) | {"Effect": "Deny"}


def answer(
    own: list[dict[str, Any]],
    action: str,
    resource: str,
    context: dict[str, tuple[str, ...]] | None = None,
    attached: list[dict[str, Any]] | None = None,
    principal: Principal = ROLE,
) -> str:
    """Return the reason of a refusal, empty when it is allowed."""
    decider = Decider(
        {"Role": list(read_policy("own", {"Statement": own}))},
        {resource: list(read_policy("attached", {"Statement": attached or []}))},
    )
    refusal = decider.refusal(Question(principal, action, resource, context or {}))
    return "" if refusal is None else str(refusal)


KEYS = "dynamodb:leadingkeys"
SEAL = {"kms:encryptioncontext:connection": ("firm",), "kms:encryptioncontextkeys": ("connection",)}
VIA = "kms:viaservice"


@pytest.mark.parametrize(
    ("own", "action", "resource", "context"),
    [
        ([], "dynamodb:GetItem", TABLE, {}),
        ([allow("dynamodb:PutItem", TABLE)], "dynamodb:GetItem", TABLE, {}),
        ([allow("dynamodb:GetItem", TABLE)], "dynamodb:GetItem", f"{TABLE}2", {}),
        ([allow("dynamodb:Query", TABLE)], "dynamodb:Query", f"{TABLE}/index/due", {}),
        ([allow("dynamodb:Query", f"{TABLE}/index/due")], "dynamodb:Query", TABLE, {}),
        ([allow("dynamodb:*", "arn:aws:*:table/ledger")], "dynamodb:GetItem", TABLE, {}),
        ([allow("*", "*"), deny("dynamodb:Delete*", "*")], "dynamodb:DeleteItem", TABLE, {}),
        ([allow("*", "*"), deny("*", TABLE, OF_ONE_FIRM)], "dynamodb:GetItem", TABLE, {}),
        ([allow("dynamodb:*", TABLE, NEWS)], "dynamodb:BatchWriteItem", TABLE, {}),
        ([allow("dynamodb:*", TABLE, NEWS)], "dynamodb:Scan", TABLE, {KEYS: ()}),
        ([allow("dynamodb:*", TABLE, NEWS)], "dynamodb:PutItem", TABLE, {KEYS: ("f#news", "f")}),
        ([allow("dynamodb:*", TABLE, OF_ONE_FIRM)], "dynamodb:PutItem", TABLE, {KEYS: ("Firm",)}),
        ([allow("kms:Decrypt", KEY, VIA_DYNAMODB)], "kms:Decrypt", KEY, {}),
        ([allow("kms:Decrypt", KEY, VIA_DYNAMODB)], "kms:Decrypt", KEY, {VIA: ("sqs.x",)}),
        ([allow("kms:Decrypt", KEY, SEALED)], "kms:Decrypt", KEY, {}),
        (
            [allow("kms:Decrypt", KEY, SEALED)],
            "kms:Decrypt",
            KEY,
            SEAL | {"kms:encryptioncontextkeys": ("Connection", "connection")},
        ),
        (
            [allow("kms:Decrypt", KEY, OF_THE_APP)],
            "kms:Decrypt",
            KEY,
            {
                VIA: ("secretsmanager.eu-central-1.amazonaws.com",),
                "kms:encryptioncontext:secretarn": (SECRET.replace("app", "tokens"),),
            },
        ),
    ],
)
def test_refused(own: Any, action: str, resource: str, context: Any) -> None:
    attached = [allow("kms:*", "*", Principal={"AWS": ROOT})]
    said = answer(own, action, resource, context, attached)
    assert said.startswith(f"User: {ROLE.arn} is not authorized to perform: {action} on resource:")
    assert resource in said


@pytest.mark.parametrize(
    ("own", "action", "resource", "context"),
    [
        ([allow("dynamodb:GetItem", TABLE)], "dynamodb:GetItem", TABLE, {}),
        ([allow("DynamoDB:getitem", TABLE)], "dynamodb:GetItem", TABLE, {}),
        ([allow(["a:B", "dynamodb:Get*"], [QUEUE, TABLE])], "dynamodb:GetItem", TABLE, {}),
        ([allow("dynamodb:Query", f"{TABLE}/index/*")], "dynamodb:Query", f"{TABLE}/index/a", {}),
        ([allow("*", "*"), deny("*", f"{TABLE}2")], "dynamodb:GetItem", TABLE, {}),
        ([allow("*", "*"), deny("*", TABLE, NEWS)], "dynamodb:Get", TABLE, {KEYS: ("f",)}),
        ([allow("dynamodb:*", TABLE, NEWS)], "dynamodb:Put", TABLE, {KEYS: ("a#news", "b#news")}),
        ([allow("dynamodb:*", TABLE, OF_ONE_FIRM)], "dynamodb:Scan", TABLE, {}),  # as on AWS
        (
            [allow("kms:Decrypt", KEY, VIA_DYNAMODB)],
            "kms:Decrypt",
            KEY,
            {VIA: ("dynamodb.eu-central-1.amazonaws.com",)},
        ),
        ([allow("kms:Decrypt", KEY, SEALED)], "kms:Decrypt", KEY, SEAL),
        (
            [allow("kms:Decrypt", KEY, OF_THE_APP)],
            "kms:Decrypt",
            KEY,
            {
                VIA: ("secretsmanager.eu-central-1.amazonaws.com",),
                "kms:encryptioncontext:secretarn": (SECRET,),
            },
        ),
    ],
)
def test_allowed(own: Any, action: str, resource: str, context: Any) -> None:
    attached = [allow("kms:*", "*", Principal={"AWS": ROOT})]
    assert answer(own, action, resource, context, attached) == ""


@pytest.mark.parametrize(
    ("principal", "own", "attached", "resource", "expected"),
    [
        # A key belongs to its policy: without it, no role reaches it.
        (ROLE, [allow("*", "*")], [], KEY, "no resource-based policy"),
        (ROLE, [allow("*", "*")], [allow("kms:Encrypt", "*", Principal={"AWS": ROOT})], KEY, "no "),
        (ROLE, [], [allow("*", "*", Principal={"AWS": ROOT})], KEY, "no identity-based policy"),
        (ROLE, [allow("*", "*")], [deny("*", "*", Principal="*")], QUEUE, "an explicit deny"),
        (ROLE, [], [allow("*", "*", Principal={"Service": "sns.amazonaws.com"})], QUEUE, "no "),
        (CLOUDWATCH, [], [], TOPIC, "no resource-based policy"),
        (CLOUDWATCH, [], [allow("*", "*", Principal={"AWS": ROOT})], TOPIC, "no "),
        (CLOUDWATCH, [], [allow("*", "*", Principal={"Service": "sns.x"})], TOPIC, "no "),
        (ROLE, [allow("*", "*")], [], QUEUE, ""),
        (ROLE, [allow("*", "*")], [allow("*", "*", Principal={"AWS": ROOT})], KEY, ""),
        (ROLE, [], [allow("*", "*", Principal={"AWS": ROLE.arn})], KEY, ""),
        (ROLE, [], [allow("*", "*", Principal="*")], QUEUE, ""),
        (CLOUDWATCH, [], [allow("*", "*", Principal={"Service": CLOUDWATCH.service})], TOPIC, ""),
    ],
)
def test_policies_of_resources(
    principal: Principal, own: Any, attached: Any, resource: str, expected: str
) -> None:
    action = "kms:Decrypt" if resource == KEY else "sns:Publish"
    said = answer(own, action, resource, attached=attached, principal=principal)
    assert bool(said) == bool(expected)
    assert expected in said


SOURCE = "aws:sourceaccount"
ARN = "aws:sourcearn"


@pytest.mark.parametrize(
    ("block", "context", "holds"),
    [
        ({"StringEquals": {"aws:SourceAccount": "1"}}, {}, False),
        ({"StringEquals": {"aws:SourceAccount": "1"}}, {SOURCE: ("11",)}, False),
        ({"StringEquals": {"aws:SourceAccount": "1"}}, {SOURCE: ("1", "1")}, False),
        ({"StringLike": {"aws:SourceAccount": "a*"}}, {SOURCE: ("Ab",)}, False),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, {SOURCE: ("1",)}, False),
        ({"StringNotLike": {"aws:SourceAccount": ["2", "1*"]}}, {SOURCE: ("11",)}, False),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, {SOURCE: ("2",)}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:x:r:a:*"}}, {ARN: ("arn:aws:x:r:b:c",)}, False),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:*:c"}}, {ARN: ("arn:aws:x:r:b:c",)}, False),
        ({"Bool": {"aws:SourceAccount": True}}, {SOURCE: ("false",)}, False),
        ({"Bool": {"aws:SourceAccount": True}}, {}, False),
        ({"Null": {"aws:SourceAccount": "true"}}, {SOURCE: ("1",)}, False),
        ({"Null": {"aws:SourceAccount": "false"}}, {}, False),
        ({"ForAnyValue:StringEquals": {"aws:SourceAccount": "1"}}, {}, False),
        ({"ForAllValues:StringEquals": {"aws:SourceAccount": "1"}}, {SOURCE: ("1", "2")}, False),
        ({"ForAllValues:StringNotEquals": {"aws:SourceAccount": "1"}}, {SOURCE: ("1",)}, False),
        ({"StringEquals": {"aws:SourceAccount": "1", "aws:SourceArn": "x"}}, {ARN: ("x",)}, False),
        ({"StringEquals": {"AWS:SOURCEACCOUNT": ["2", "1"]}}, {SOURCE: ("1",)}, True),
        ({"StringEqualsIgnoreCase": {"aws:SourceAccount": "A"}}, {SOURCE: ("a",)}, True),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, {}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:x:r:?:c*"}}, {ARN: ("arn:aws:x:r:b:c:d",)}, True),
        ({"Bool": {"aws:SourceAccount": "true"}}, {SOURCE: ("true",)}, True),
        ({"Null": {"aws:SourceAccount": True}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:SourceAccount": "1"}}, {SOURCE: ("1", "2")}, True),
        ({"ForAllValues:StringLike": {"aws:SourceAccount": "1*"}}, {SOURCE: ("1", "12")}, True),
        ({"ForAllValues:StringEquals": {"aws:SourceAccount": "1"}}, {}, True),
    ],
)
def test_conditions(block: Any, context: Any, holds: bool) -> None:
    assert compile_condition(block)(context) is holds


@pytest.mark.parametrize(
    "block",
    [
        {"NumericLessThan": {"aws:SourceAccount": "1"}},
        {"ForSomeValues:StringEquals": {"aws:SourceAccount": "1"}},
        {"StringEquals": {"aws:username": "1"}},
        {"StringEquals": {"aws:SourceAccount": "${aws:username}"}},
        {"Null": {"aws:SourceAccount": "maybe"}},
    ],
)
def test_what_is_not_known_is_refused_when_the_policy_is_read(block: Any) -> None:
    with pytest.raises(ValueError, match=r"known|true or false"):
        compile_condition(block)


@pytest.mark.parametrize("element", ["NotAction", "NotResource", "NotPrincipal"])
def test_an_unknown_element_is_refused(element: str) -> None:
    with pytest.raises(ValueError, match=element):
        list(read_policy("p", {"Statement": [allow("*", "*") | {element: "x"}]}))


def test_patterns() -> None:
    assert not is_action_like("sqs:Send", "sqs:SendMessage")
    assert not is_arn_like("arn:aws:sqs:*:work.fifo", QUEUE)
    assert not is_arn_like("arn:aws:sqs:eu-central-1:111122223333:work?fifo?", QUEUE)
    assert is_action_like("sqs:Send*", "sqs:SendMessage")
    assert is_arn_like("arn:*:sqs:*:*:work?fifo", QUEUE)
