"""The template as AWS would deploy it, after SAM's own translator."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from local.sam_template import SamTemplate

WEBHOOKS = ("AirbaseWebhookFunction", "ExactWebhookFunction")
WORKERS = ("PoPostingFunction", "VendorReconciliationFunction")
CONSENT = "ExactConsentFunction"
CONSOLE = "ConsoleFunction"
FUNCTIONS = (*WEBHOOKS, *WORKERS, "TokenRefreshFunction", CONSENT, CONSOLE)


@dataclass(frozen=True)
class Statement:
    """One statement of one policy, with actions and resources as lists."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: dict[str, Any]

    def reaches(self, logical_id: str) -> bool:
        """Return whether a resource of the statement names this one."""
        return any(logical_id in named(resource) for resource in self.resources)

    def secrets(self) -> set[str]:
        """Return the kinds of secrets that the statement's resources name."""
        texts = [str(resource) for resource in self.resources]
        return {
            kind
            for text in texts
            for kind in re.findall(r"secret:\$\{AWS::StackName\}/([^/]+)/\*", text)
        }


@cache
def deployed() -> SamTemplate:
    """Return the repository's template, translated."""
    return SamTemplate()


def properties(logical_id: str) -> dict[str, Any]:
    """Return the properties of one resource."""
    found: dict[str, Any] = deployed().resources[logical_id]["Properties"]
    return found


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type."""
    return deployed().of_type(kind)


def named(value: Any) -> set[str]:
    """Return the logical ids that a value refers to, through any intrinsic."""
    if isinstance(value, list):
        return {name for item in value for name in named(item)}
    if not isinstance(value, dict):
        return set()
    if "Ref" in value:
        return {value["Ref"]}
    if "Fn::GetAtt" in value:
        attribute = value["Fn::GetAtt"]
        return {attribute[0] if isinstance(attribute, list) else attribute.split(".")[0]}
    if isinstance(value.get("Fn::Sub"), str):
        return set(re.findall(r"\$\{(\w+)(?:\.\w+)?\}", value["Fn::Sub"]))
    return {name for item in value.values() for name in named(item)}


def statements(document: dict[str, Any]) -> Iterator[Statement]:
    """Yield the statements of a policy document."""
    for each in document["Statement"]:
        raw = each["Fn::If"][1] if "Fn::If" in each else each
        yield Statement(
            raw["Effect"],
            tuple(_listed(raw["Action"])),
            tuple(_listed(raw.get("Resource", []))),
            raw.get("Condition", {}),
        )


def documents() -> Iterator[dict[str, Any]]:
    """Yield every policy document of every role and managed policy."""
    for role in resources("AWS::IAM::Role").values():
        yield from (policy["PolicyDocument"] for policy in role.get("Policies", []))
    for policy in resources("AWS::IAM::ManagedPolicy").values():
        yield policy["PolicyDocument"]


def rights(function: str) -> list[Statement]:
    """Return everything a function's role allows, including its shared policies."""
    (role_name,) = named(properties(function)["Role"])
    role = properties(role_name)
    found = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    for reference in role.get("ManagedPolicyArns", []):
        (policy_name,) = named(reference)  # our own policies: those of AWS are named by plain ARNs
        found.append(properties(policy_name)["PolicyDocument"])
    return [statement for document in found for statement in statements(document)]


def actions_on(function: str, logical_id: str) -> set[str]:
    """Return what a function may do with one resource of the stack."""
    return {a for s in rights(function) if s.reaches(logical_id) for a in s.actions}


def secrets_of(function: str, action: str = "secretsmanager:GetSecretValue") -> set[str]:
    """Return the kinds of secrets on which a function may do this."""
    return {kind for s in rights(function) if action in s.actions for kind in s.secrets()}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
