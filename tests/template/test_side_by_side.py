"""Two stacks live in one account and region, and what outlives a stack can be brought into one."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from local.kept_resources import kept, reduced_template, to_import
from local.rights.calls import Need
from local.rights.intrinsics import Place, Resolver
from local.rights.policies import Principal
from local.rights.stack_policies import StackPolicies
from local.rights.stack_rights import StackRights
from local.stack import LocalStack
from tests.template.deployed import deployed

# The properties that name a resource; where one is missing, CloudFormation makes the name from
# those of the stack and the resource.
_NAMES = {
    "AliasName",
    "AlarmName",
    "DashboardName",
    "FunctionName",
    "LayerName",
    "LogGroupName",
    "ManagedPolicyName",
    "Name",
    "QueueName",
    "RoleName",
    "TableName",
    "TopicName",
}
_NAMED_BY_REFERENCE = (
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::Logs::MetricFilter",
)
# AWS's limits on the length of a name.
_LIMITS = {"FunctionName": 64, "LayerName": 140, "Name": 64, "QueueName": 80}
_TABLES = ("Inbox", "Ledger", "Audit", "Mappings", "Reference", "Coordination")
_KEPT = {"StackKey", *(f"{name}Table" for name in _TABLES)}


def names() -> Iterator[tuple[str, str, Any]]:
    """Yield each physical name: logical id, property, value."""
    for logical_id, resource in deployed().resources.items():
        if resource["Type"] not in _NAMED_BY_REFERENCE:
            properties = resource.get("Properties", {})
            yield from ((logical_id, name, properties[name]) for name in _NAMES & set(properties))


def text(value: Any, stack: str) -> str:
    """Return a name in a stack of this name."""
    resolver = Resolver(deployed().cloudformation, stack, Place("1", "r"), str)
    return str(resolver.resolve(value))


def longest_stack_name() -> int:
    """Return the longest name with which every resource can be made."""
    limits = ((text(value, ""), _LIMITS.get(name, 255)) for _, name, value in names())
    return min(limit - len(rest) for rest, limit in limits)


@pytest.mark.parametrize(("logical_id", "name", "value"), list(names()), ids=lambda v: str(v)[:40])
def test_every_name_holds_the_stacks_name(logical_id: str, name: str, value: Any) -> None:
    assert "one-stack" in text(value, "one-stack"), f"{logical_id}.{name}"


def test_a_name_that_grows_too_long_is_refused_before_deploying() -> None:
    makefile = (deployed().folder / "Makefile").read_text(encoding="utf-8")
    limit = re.search(r"^LONGEST_STACK_NAME := (\d+)$", makefile, re.MULTILINE)
    assert limit
    assert int(limit[1]) == longest_stack_name()
    recipe = makefile.partition("\ndeploy:")[2]
    assert recipe.index("LONGEST_STACK_NAME") < recipe.index("$(DEPLOY)")


def test_a_second_stack_is_made_beside_the_first() -> None:
    with LocalStack() as first:
        formation = first.client("cloudformation")
        formation.create_stack(
            StackName="connector-2",  # its name begins like the first one's
            TemplateBody=json.dumps(first.template.for_moto(first.api_urls)),
        )
        ids = [
            {
                each["PhysicalResourceId"]
                for page in formation.get_paginator("list_stack_resources").paginate(StackName=name)
                for each in page["StackResourceSummaries"]
                if each["PhysicalResourceId"]  # moto gives an alias none
            }
            for name in (first.name, "connector-2")
        ]
        assert len(ids[0]) == len(ids[1]) > 30
        assert ids[0] & ids[1] == set()


def test_no_role_reaches_a_stack_whose_name_begins_alike() -> None:
    rights = {name: rights_of(name) for name in ("connector", "connector-2")}
    calls, role = rights["connector-2"].calls, Principal("PoPostingRole", "arn:aws:sts::1:x")
    needs: list[Need] = [
        next(calls.table("GetItem", "connector-2-LedgerTable", ["x"])),
        next(calls.queue("SendMessage", "connector-2-vendors.fifo")),
        next(calls.secret("GetSecretValue", "connector-2/airbase-key/firm")),
        next(calls.key("Decrypt", "connector-2-StackKey", {"connection": "firm"})),
    ]
    for need in needs:
        assert rights["connector-2"].first_refusal(role, [need]) is None, need
        assert rights["connector"].first_refusal(role, [need]), need


def rights_of(stack: str) -> StackRights:
    def physical_name(logical_id: str) -> str:
        queues = {"VendorQueue": "vendors.fifo"}
        return f"{stack}-{queues.get(logical_id, logical_id)}"

    template = deployed().cloudformation
    return StackRights(
        StackPolicies(template, Resolver(template, stack, Place("1", "r"), physical_name))
    )


def test_a_create_that_fails_keeps_nothing_and_a_deleted_stack_keeps_its_data() -> None:
    found = {
        name: (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for name, resource in deployed().resources.items()
        if name in _KEPT
    }
    assert found == dict.fromkeys(_KEPT, ("RetainExceptOnCreate", "Retain"))


def test_a_new_stack_is_protected_after_it_was_made() -> None:
    makefile = (deployed().folder / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ndeploy:")[2].partition("\n.PHONY")[0]
    first, then = recipe.index("DeletionProtection=false"), recipe.index("DeletionProtection=true")
    assert first < then


def test_kept_tables_and_their_key_can_be_imported() -> None:
    template = deployed()
    assert set(kept(template)) == _KEPT
    reduced = reduced_template(template)
    assert set(reduced["Parameters"]) == {"DeletionProtection"}
    inside = Resolver(reduced, "s", Place("1", "r"), str)
    assert inside.resolve(reduced["Resources"]), "it refers to nothing outside"
    policies = {each["DeletionPolicy"] for each in reduced["Resources"].values()}
    assert policies == {"Retain"}, "an import that fails must not delete what it imported"
    physical = {name: f"old-{name}" for name in _KEPT}
    listed = {each["LogicalResourceId"]: each for each in to_import(template, physical)}
    assert listed["LedgerTable"]["ResourceIdentifier"] == {"TableName": "old-LedgerTable"}
    assert listed["StackKey"]["ResourceIdentifier"] == {"KeyId": "old-StackKey"}
    with pytest.raises(ValueError, match="AuditTable"):
        to_import(template, {name: id for name, id in physical.items() if name != "AuditTable"})
