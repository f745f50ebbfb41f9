"""Who may do what in one deployed stack: judges, and notes what was asked and refused."""

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from local.rights.calls import VIA, Calls, Encryption, Need, UnknownCallError
from local.rights.decider import Decider, Question, Refusal
from local.rights.policies import Principal
from local.rights.stack_policies import StackPolicies

_KEPT = 1000


class StackRights:
    """The decider of one stack."""

    def __init__(self, policies: StackPolicies, people: Mapping[str, str] | None = None) -> None:
        """Read the stack's policies; `people` names the managed policy of each kind of person."""
        self.policies = policies
        self.refusals: deque[Refusal] = deque(maxlen=_KEPT)
        self.allowed: dict[Hashable, Question] = {}
        """What was asked and allowed, each once."""
        self._settled: set[Hashable] = set()
        own = dict(policies.of_roles())
        for person, policy in (people or {}).items():
            own[person] = policies.of_managed_policy(policy)
        self._decider = Decider(own, policies.of_resources())
        self.calls = Calls(policies.resolver.place, _encryption(policies), _hash_keys(policies))

    def refusal(
        self, principal: Principal, service: str, operation: str, params: Mapping[str, Any]
    ) -> Refusal | None:
        """Judge a call; a call that is not known here is refused."""
        try:
            needs = self.calls.needs(service, operation, params)
        except UnknownCallError as unknown:
            asked = Question(principal, str(unknown), "*")
            return self._note(Refusal(asked, "because this call is not known to the local stack"))
        return self.first_refusal(principal, needs)

    def first_refusal(self, principal: Principal, needs: Sequence[Need]) -> Refusal | None:
        """Judge each right that a principal needs; return the first that it lacks."""
        for need in needs:
            if (principal, need.action, need.resource) in self._settled:
                continue
            if (principal, need) in self._settled:
                continue
            asked = Question(principal, need.action, need.resource, need.context)
            if refusal := self._decider.refusal(asked):
                return self._note(refusal)
            self._note_allowed(asked, need)
        return None

    def _note_allowed(self, asked: Question, need: Need) -> None:
        where = asked.principal, asked.action, asked.resource
        if not self._decider.is_conditional(asked):
            self._settled.add(where)
            self.allowed[where] = asked
        else:
            self.allowed[*where, frozenset(asked.context.items())] = asked
            if VIA in need.context:
                self._settled.add((asked.principal, need))

    def is_conditional(self, principal: Principal, need: Need) -> bool:
        """Return whether the context of what a principal needs can change the answer."""
        asked = Question(principal, need.action, need.resource, need.context)
        return self._decider.is_conditional(asked)

    def _note(self, refusal: Refusal) -> Refusal:
        self.refusals.append(refusal)
        return refusal


def _encryption(policies: StackPolicies) -> Encryption:
    kinds = "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic"
    keys = {policies.resolver.arn(name): policies.key_of(name) for name in policies.named(*kinds)}
    every = [policies.resolver.arn(name) for name in policies.named("AWS::KMS::Key")]
    return Encryption({of: key for of, key in keys.items() if key}, next(iter(every), None))


def _hash_keys(policies: StackPolicies) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for name in policies.named("AWS::DynamoDB::Table"):
        arn, table = policies.resolver.arn(name), policies.properties(name)
        found[arn, ""] = _hash_key(table)
        for index in table.get("GlobalSecondaryIndexes", []):
            found[arn, index["IndexName"]] = _hash_key(index)
    return found


def _hash_key(keyed: Mapping[str, Any]) -> str:
    return next(str(k["AttributeName"]) for k in keyed["KeySchema"] if k["KeyType"] == "HASH")
