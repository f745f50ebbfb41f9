"""Resolves CloudFormation's intrinsic functions with the names of a deployed stack."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_VARIABLE = re.compile(r"\$\{([\w.:]+)\}")

# How a resource's ARN is made of its physical name.
_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
}
_NO_VALUE = "AWS::NoValue"
_REF_IS_ARN = ("AWS::SNS::Topic", "AWS::IAM::ManagedPolicy")


@dataclass(frozen=True)
class Place:
    """Where a stack is deployed."""

    account: str
    region: str
    partition: str = "aws"

    def arn(self, rest: str) -> str:
        """Return the ARN whose part after the partition is `rest`, with its placeholders."""
        where = rest.replace("{region}", self.region).replace("{account}", self.account)
        return f"arn:{self.partition}:{where}"


class Resolver:
    """A translated template's values as AWS would see them."""

    def __init__(
        self,
        template: Mapping[str, Any],
        stack: str,
        place: Place,
        physical_name: Callable[[str], str],
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """`physical_name` gives the name that AWS gave a resource, by its logical id."""
        self.place = place
        self._resources = template["Resources"]
        self._conditions = template.get("Conditions", {})
        self._physical_name = physical_name
        declared = template.get("Parameters", {})
        defaults = {name: str(each.get("Default", "")) for name, each in declared.items()}
        self._texts = {
            **defaults,
            **(parameters or {}),
            "AWS::StackName": stack,
            "AWS::AccountId": place.account,
            "AWS::Region": place.region,
            "AWS::Partition": place.partition,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": _NO_VALUE,
            "AWS::StackId": place.arn(
                f"cloudformation:{{region}}:{{account}}:stack/{stack}/{'0' * 8}"
            ),
        }

    def resolve(self, value: Any) -> Any:
        """Return the value without intrinsics; raises KeyError for what the template lacks."""
        if isinstance(value, list):
            return [made for each in value if (made := self.resolve(each)) != _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        return {name: self.resolve(each) for name, each in value.items()}

    def decided(self, value: Any) -> Any:
        """Return the value with each `Fn::If` that is an item of a list decided; all else stays."""
        if isinstance(value, dict) and "Fn::If" not in value:
            return {name: self.decided(each) for name, each in value.items()}
        if not isinstance(value, list):
            return value
        kept = [self._branch(each) for each in value]
        return [self.decided(each) for each in kept if each != {"Ref": _NO_VALUE}]

    def arn(self, logical_id: str) -> str:
        """Return a resource's ARN; raises KeyError for a type whose ARN is not known."""
        rest = _ARNS[self._resources[logical_id]["Type"]]
        return self.place.arn(rest.replace("{name}", self._physical_name(logical_id)))

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template is met; raises KeyError for an unknown one."""
        return self._holds(self._conditions[condition])

    def _intrinsic(self, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._ref(argument)
        if name == "Fn::GetAtt":
            parts = argument.split(".") if isinstance(argument, str) else argument
            return self._attribute(*parts)
        if name == "Fn::Sub":
            parts = argument if isinstance(argument, list) else (argument, {})
            return self._substitute(*parts)
        if name == "Fn::If":
            condition, yes, no = argument
            return self.resolve(yes if self.holds(condition) else no)
        raise KeyError(name)

    def _branch(self, item: Any) -> Any:
        while isinstance(item, dict) and item.keys() == {"Fn::If"}:
            condition, yes, no = item["Fn::If"]
            item = yes if self.holds(condition) else no
        return item

    def _ref(self, name: str) -> str:
        if name in self._texts:
            return self._texts[name]
        if self._resources[name]["Type"] in _REF_IS_ARN:
            return self.arn(name)
        return self._physical_name(name)

    def _attribute(self, name: str, attribute: str) -> str:
        return self.arn(name) if attribute == "Arn" else self._physical_name(name)

    def _substitute(self, text: str, own: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            name, _, attribute = match[1].partition(".")
            if name in own:
                return str(self.resolve(own[name]))
            return self._attribute(name, attribute) if attribute else self._ref(name)

        return _VARIABLE.sub(value, text)

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        ((name, argument),) = condition.items()
        if name == "Condition":
            return self.holds(str(argument))
        if name == "Fn::And":
            return all(map(self._holds, argument))
        if name == "Fn::Not":
            return not self._holds(argument[0])
        if name == "Fn::Equals":
            left, right = self.resolve(argument)
            return bool(left == right)
        raise KeyError(name)
