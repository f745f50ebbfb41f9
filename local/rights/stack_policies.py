"""The policies of a deployed stack: those of its roles, and those attached to its resources."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from local.rights.intrinsics import Resolver
from local.rights.policies import Principal, Statement, read_policy

LAMBDA = "lambda.amazonaws.com"
SCHEDULER = "scheduler.amazonaws.com"
API_GATEWAY = "apigateway.amazonaws.com"
CLOUDWATCH = "cloudwatch.amazonaws.com"

# What AWS gives a topic that has no policy of its own, as far as it is used here.
_TOPIC_DEFAULT = {
    "Sid": "AwsDefault",
    "Effect": "Allow",
    "Principal": "*",
    "Action": ["sns:Publish"],
    "Condition": {"StringEquals": {"aws:SourceOwner": "{account}"}},
}


class StackPolicies:
    """A translated template's policies, with the real names of what they speak of."""

    def __init__(self, template: Mapping[str, Any], resolver: Resolver) -> None:
        """Read every policy; raises ValueError for one that cannot be decided here."""
        self._resources = template["Resources"]
        self.resolver = resolver

    def of_roles(self) -> dict[str, list[Statement]]:
        """Return the statements of each role, by its logical id.

        A policy that AWS manages is not known here, so it allows nothing.
        """
        return {name: list(self._of_role(name)) for name in self.named("AWS::IAM::Role")}

    def of_managed_policy(self, logical_id: str) -> list[Statement]:
        """Return the statements of one managed policy of the template."""
        document = self.properties(logical_id)["PolicyDocument"]
        return list(read_policy(logical_id, self.resolver.resolve(document)))

    def of_resources(self) -> dict[str, list[Statement]]:
        """Return the statements attached to resources (keys, topics, roles, functions), by ARN."""
        found: dict[str, list[Statement]] = defaultdict(list)
        for arn, name, document in self._attached():
            found[arn] += read_policy(name, self.resolver.resolve(document))
        return found

    def role_session(self, role: str, session: str) -> Principal:
        """Return the principal of code that runs in a role, by the role's logical id."""
        name = self.resolver.resolve({"Ref": role})
        arn = self.resolver.place.arn(f"sts::{{account}}:assumed-role/{name}/{session}")
        return Principal(role, arn)

    def role_of(self, logical_id: str) -> str | None:
        """Return the logical id of a function's or schedule's role; None for one outside."""
        properties = self.properties(logical_id)
        reference = properties.get("Role") or properties["Target"].get("RoleArn")
        if not isinstance(reference, dict):
            return None
        return str(reference["Fn::GetAtt"][0])

    def key_of(self, logical_id: str) -> str | None:
        """Return the ARN of the key under which a table, queue or topic keeps its data."""
        properties = self.properties(logical_id)
        within = properties.get("SSESpecification", properties)
        key = within.get("KMSMasterKeyId") or within.get("KmsMasterKeyId")
        return None if key is None else str(self.resolver.resolve(key))

    def named(self, *kinds: str) -> list[str]:
        """Return the logical ids of all resources of these types."""
        return [name for name, each in self._resources.items() if each["Type"] in kinds]

    def properties(self, logical_id: str) -> Mapping[str, Any]:
        """Return a resource's properties, with their intrinsics."""
        found: Mapping[str, Any] = self._resources[logical_id].get("Properties", {})
        return found

    def _of_role(self, role: str) -> Iterator[Statement]:
        properties = self.properties(role)
        for policy in properties.get("Policies", []):
            document = self.resolver.resolve(policy["PolicyDocument"])
            yield from read_policy(role, document)
        for reference in properties.get("ManagedPolicyArns", []):
            if isinstance(reference, dict) and reference.get("Ref") in self._resources:
                yield from self.of_managed_policy(reference["Ref"])

    def _attached(self) -> Iterator[tuple[str, str, Any]]:
        for key in self.named("AWS::KMS::Key"):
            if "KeyPolicy" in self.properties(key):
                yield self.resolver.arn(key), key, self.properties(key)["KeyPolicy"]
        for role in self.named("AWS::IAM::Role"):
            trust = self.properties(role)["AssumeRolePolicyDocument"]
            yield self.resolver.arn(role), f"{role} trust", trust
        for topic in self.named("AWS::SNS::Topic"):
            yield self.resolver.arn(topic), topic, {"Statement": [self._topic_default()]}
        for permission in self.named("AWS::Lambda::Permission"):
            yield self._permission(permission)

    def _topic_default(self) -> dict[str, Any]:
        owner = {"StringEquals": {"aws:SourceOwner": self.resolver.place.account}}
        return _TOPIC_DEFAULT | {"Condition": owner}

    def _permission(self, logical_id: str) -> tuple[str, str, Any]:
        """Return a permission to invoke a function as the policy that AWS makes of it."""
        properties = self.properties(logical_id)
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": properties["Action"],
            "Principal": {"Service": properties["Principal"]},
        }
        if "SourceArn" in properties:
            statement["Condition"] = {"ArnLike": {"aws:SourceArn": properties["SourceArn"]}}
        function = properties["FunctionName"]["Ref"]
        return self.resolver.arn(function), logical_id, {"Statement": [statement]}
