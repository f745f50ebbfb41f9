"""Decides as IAM does within one account.

An explicit Deny ends it. Otherwise one Allow is needed: of the principal's own policies, or of the
resource's policy if that names the principal. A key and a role belong to their own policy: the
principal's policies count only where it leaves the decision to the account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from local.rights.conditions import Context
from local.rights.policies import Principal, Statement

_OWN_POLICY_DECIDES = ("kms", "sts")
_BECAUSE = "because no {kind} policy allows the {action} action"
_DENIED = "with an explicit deny in {kind} policy"


@dataclass(frozen=True)
class Question:
    """May this principal do this, with this context?"""

    principal: Principal
    action: str
    resource: str
    context: Context = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Refusal:
    """A question that was answered with no."""

    question: Question
    reason: str

    def __str__(self) -> str:
        """Return AWS's sentence."""
        asked = self.question
        return (
            f"User: {asked.principal} is not authorized to perform: {asked.action} on resource: "
            f"{asked.resource} {self.reason}"
        )


Statements = Sequence[Statement]


class Decider:
    """Decides by the policies of principals (by name) and of resources (by ARN)."""

    def __init__(
        self, of_principals: Mapping[str, Statements], of_resources: Mapping[str, Statements]
    ) -> None:
        """Take the policies, which do not change afterwards."""
        self._of_principals = of_principals
        self._of_resources = of_resources
        self._found: dict[tuple[Principal, str, str], _Candidates] = {}

    def refusal(self, asked: Question) -> Refusal | None:
        """Return None if it is allowed."""
        reason = self._candidates(asked).reason_against(asked.context)
        if reason is None:
            return None
        return Refusal(asked, reason.replace("{action}", asked.action))

    def is_conditional(self, asked: Question) -> bool:
        """Return whether the context of the question can change the answer."""
        return self._candidates(asked).is_conditional

    def _candidates(self, asked: Question) -> "_Candidates":
        where = asked.principal, asked.action, asked.resource
        if where not in self._found:
            self._found[where] = self._find(*where)
        return self._found[where]

    def _find(self, principal: Principal, action: str, resource: str) -> "_Candidates":
        own = [
            each
            for each in self._of_principals.get(principal.name, ())
            if each.concerns(action, resource)
        ]
        attached = [
            each for each in self._of_resources.get(resource, ()) if each.concerns(action, resource)
        ]
        return _Candidates(
            own,
            [each for each in attached if each.names(principal)],
            None
            if action.partition(":")[0] not in _OWN_POLICY_DECIDES
            else [each for each in attached if each.delegates()],
            "identity-based" if principal.arn else "resource-based",
        )


@dataclass(frozen=True)
class _Candidates:
    """The statements that concern one action of one principal on one resource."""

    own: Statements
    attached: Statements
    delegating: Statements | None
    """Those that let `own` count; None where it counts anyway."""
    kind: str

    @cached_property
    def is_conditional(self) -> bool:
        every = *self.own, *self.attached, *(self.delegating or ())
        return any(each.condition is not None for each in every)

    def reason_against(self, context: Context) -> str | None:
        own, attached = (_that_hold(each, context) for each in (self.own, self.attached))
        for kind, holding in (("an identity-based", own), ("a resource-based", attached)):
            if not all(each.allows for each in holding):
                return _DENIED.replace("{kind}", kind)
        counts = self.delegating is None or bool(_that_hold(self.delegating, context))
        if attached or (own and counts):
            return None
        return _BECAUSE.replace("{kind}", self.kind if counts else "resource-based")


def _that_hold(statements: Statements, context: Context) -> Statements:
    return [each for each in statements if each.condition is None or each.condition(context)]
