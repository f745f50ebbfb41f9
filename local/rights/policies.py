"""Policies, read once: which statements concern an action on a resource, and for whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.rights.conditions import Condition, compile_condition
from local.rights.patterns import is_action_like, is_arn_like

_KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Principal:
    """Who asks: a role's session or a person (by ARN), or an AWS service (by its host name)."""

    name: str
    arn: str = ""
    service: str = ""

    def __str__(self) -> str:
        """Return how AWS's errors name it."""
        return self.arn or self.service


@dataclass(frozen=True)
class Statement:
    """One statement of a policy whose intrinsics are resolved."""

    policy: str
    sid: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...] = ()
    """Kind ("AWS", "Service") and value; empty in a role's own policy."""
    condition: Condition | None = field(default=None, compare=False)

    def concerns(self, action: str, resource: str) -> bool:
        """Return whether it speaks of this action on this resource, whatever its condition."""
        return any(is_action_like(each, action) for each in self.actions) and any(
            is_arn_like(each, resource) for each in self.resources
        )

    def names(self, principal: Principal) -> bool:
        """Return whether it names the principal itself, not only its account."""
        for kind, value in self.principals:
            if kind == "Service" and value == principal.service:
                return True
            if kind == "AWS" and value in ("*", principal.arn or None):
                return True
        return False

    def delegates(self) -> bool:
        """Return whether it leaves the decision to the policies of the account's roles."""
        return any(kind == "AWS" and value.endswith(":root") for kind, value in self.principals)


def read_policy(name: str, document: Mapping[str, Any]) -> Iterator[Statement]:
    """Yield a document's statements; raises ValueError for what is not known here.

    A statement without a resource, as in a trust policy, concerns the resource it is attached to.
    """
    for number, raw in enumerate(listed(document["Statement"])):
        if unknown := raw.keys() - _KNOWN:
            raise ValueError(f"{name}: {', '.join(unknown)} is not known here")
        condition = raw.get("Condition")
        yield Statement(
            name,
            raw.get("Sid", str(number)),
            {"Allow": True, "Deny": False}[raw["Effect"]],
            tuple(listed(raw["Action"])),
            tuple(listed(raw.get("Resource", "*"))),
            tuple(_principals(raw.get("Principal", {}))),
            compile_condition(condition) if condition else None,
        )


def listed(value: Any) -> list[Any]:
    """Return a policy's value as a list: IAM writes one value without brackets."""
    return value if isinstance(value, list) else [value]


def _principals(raw: Any) -> Iterator[tuple[str, str]]:
    for kind, values in ({"AWS": "*"} if raw == "*" else raw).items():
        for value in listed(values):
            yield kind, value
