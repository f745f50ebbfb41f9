"""Every right that the template gives, and the template without one of them."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Path = tuple[str | int, ...]

_NOTHING = {"Effect": "Deny", "Action": ["sts:GetCallerIdentity"], "Resource": "*"}


@dataclass(frozen=True)
class Right:
    """One action, resource or further value of a condition in one statement; or a permission."""

    holder: str
    """The logical id of the role, managed policy, key or permission."""
    sid: str
    path: Path
    """Where the list is, below the resource's properties; empty for a whole permission."""
    text: str

    def __str__(self) -> str:
        """Return it for a person, and for a test's name."""
        return f"{self.holder}/{self.sid}/{self.text}"


def every_right(template: Mapping[str, Any]) -> Iterator[Right]:
    """Yield each thing that could be taken away."""
    for holder, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Permission":
            if _is_covered(holder, template["Resources"]):
                continue
            yield Right(holder, "", (), "lambda:InvokeFunction")
        for path in _documents(resource):
            yield from _of_document(holder, resource["Properties"], path)


def without(template: Mapping[str, Any], right: Right) -> dict[str, Any]:
    """Return the template without this right."""
    changed = copy.deepcopy(dict(template))
    if not right.path:
        del changed["Resources"][right.holder]
        return changed
    *where, key = right.path
    holder = changed["Resources"][right.holder]["Properties"]
    inner = _at(holder, tuple(where))
    inner[key] = [each for each in _listed(inner[key]) if _text(each) != right.text]
    if not inner[key]:
        *above, number = where
        statements = _at(holder, tuple(above))
        if above[-1] == "Fn::If":
            statements[number] = {"Ref": "AWS::NoValue"}
        elif len(statements) == 1:  # a policy without statements is malformed: no story would begin
            statements[number] = _NOTHING
        else:
            del statements[number]
    return changed


def for_each_role(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template with the roles' managed policies written out in each role itself."""
    written = copy.deepcopy(dict(template))
    resources = written["Resources"]
    for resource in list(resources.values()):
        if resource["Type"] == "AWS::IAM::Role":
            properties = resource["Properties"]
            for policy in properties.pop("ManagedPolicyArns", []):
                document = copy.deepcopy(resources[policy["Ref"]]["Properties"]["PolicyDocument"])
                own = {"PolicyName": policy["Ref"], "PolicyDocument": document}
                properties["Policies"] = [*properties.get("Policies", []), own]
    for policy in _attached(template):
        del resources[policy]
    return written


def _is_covered(permission: str, resources: Mapping[str, Any]) -> bool:
    """Return whether another permission, which SAM gives for another route, allows as much."""
    own = resources[permission]["Properties"]
    return any(
        other != permission
        and each["Type"] == "AWS::Lambda::Permission"
        and each["Properties"]["FunctionName"] == own["FunctionName"]
        and fnmatchcase(_source(own), _source(each["Properties"]))
        for other, each in resources.items()
    )


def _source(permission: Mapping[str, Any]) -> str:
    text: str = permission["SourceArn"]["Fn::Sub"][0] if "SourceArn" in permission else ""
    return text


def _attached(template: Mapping[str, Any]) -> set[str]:
    roles = (each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role")
    references = (role["Properties"].get("ManagedPolicyArns", []) for role in roles)
    return {policy["Ref"] for each in references for policy in each}


def _documents(resource: Mapping[str, Any]) -> Iterator[Path]:
    kind, properties = resource["Type"], resource.get("Properties", {})
    if kind == "AWS::IAM::Role":
        yield ("AssumeRolePolicyDocument",)
        for number in range(len(properties.get("Policies", []))):
            yield "Policies", number, "PolicyDocument"
    elif kind == "AWS::IAM::ManagedPolicy":
        yield ("PolicyDocument",)
    elif kind == "AWS::KMS::Key":
        yield ("KeyPolicy",)


def _of_document(holder: str, properties: Mapping[str, Any], path: Path) -> Iterator[Right]:
    for number, statement in enumerate(_at(properties, path)["Statement"]):
        at: Path = (*path, "Statement", number)
        if "Fn::If" in statement:
            at, statement = (*at, "Fn::If", 1), statement["Fn::If"][1]  # noqa: PLW2901  as it is made
        sid = statement.get("Sid", path[0])
        for element in ("Action", "Resource"):
            for value in _listed(statement.get(element, [])):
                yield Right(holder, sid, (*at, element), _text(value))
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                # The only value is the condition itself: without it more would be allowed.
                for value in _listed(values) if len(_listed(values)) > 1 else ():
                    yield Right(holder, sid, (*at, "Condition", operator, key), _text(value))


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Return a value, or the texts in an intrinsic function."""
    while isinstance(value, dict):
        (value,) = value.values()
    texts = value if isinstance(value, list) else [value]
    return ".".join(each for each in texts if isinstance(each, str))
