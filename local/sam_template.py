"""Reads template.yaml, from which the local stack is made.

SAM's own translator turns the template into plain CloudFormation in this process. moto creates
tables, queues, keys and functions from that; what moto's CloudFormation does not know (routes,
schedules, queue pollers) is read here.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

REGION, ACCOUNT = "eu-central-1", "123456789012"
TEMPLATE = Path(__file__).resolve().parent.parent / "template.yaml"

# moto cannot create these, or nothing local uses them.
_NOT_CREATED = frozenset(
    {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::ApiMapping",
        "AWS::ApiGatewayV2::DomainName",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::MetricFilter",
        "AWS::Scheduler::Schedule",
    }
)


@dataclass(frozen=True)
class ApiRoute:
    """One route of an HTTP API, whose logical id is `api`.

    `path` holds `{name}` for each path parameter, `{name+}` for all of the rest.
    """

    api: str
    method: str
    path: str
    function: str


@dataclass(frozen=True)
class QueueSource:
    """One event source mapping: the logical ids of the queue and of the function it feeds."""

    queue: str
    function: str
    batch_size: int
    reports_failures: bool


@dataclass(frozen=True)
class Schedule:
    """One EventBridge schedule: `target` is the logical id of a queue or a function."""

    name: str
    expression: str
    target: str
    input: str
    group: str | None


@dataclass(frozen=True)
class FunctionCode:
    """A function's code, timeout (seconds) and memory (MB)."""

    folder: Path
    handler: str
    timeout: int
    memory: int


class SamTemplate:
    """A template, translated to plain CloudFormation."""

    def __init__(self, template: Path = TEMPLATE) -> None:
        """Read and translate the template at this path."""
        self.folder = template.parent
        source = yaml_parse(template.read_text(encoding="utf-8"))
        self._code_uris = {
            name: resource["Properties"]["CodeUri"]
            for name, resource in source["Resources"].items()
            if resource["Type"] == "AWS::Serverless::Function"
        }
        self.cloudformation = translate(source)
        self.resources: dict[str, dict[str, Any]] = self.cloudformation["Resources"]

    def use(self, cloudformation: dict[str, Any]) -> None:
        """Take another template for the translated one, as made from it with a change."""
        self.cloudformation = cloudformation
        self.resources = cloudformation["Resources"]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def functions(self) -> dict[str, FunctionCode]:
        """Return the code of every function, by logical id."""
        return {
            name: FunctionCode(
                self.folder / self._code_uris[name],
                properties["Handler"],
                properties["Timeout"],
                properties["MemorySize"],
            )
            for name, properties in self.of_type("AWS::Lambda::Function").items()
        }

    def routes(self) -> list[ApiRoute]:
        """Return the routes of all HTTP APIs."""
        apis = self.of_type("AWS::ApiGatewayV2::Api").items()
        return [route for name, api in apis for route in _routes(name, api["Body"])]

    def sources(self) -> list[QueueSource]:
        """Return the event source mappings; raises ValueError for one that AWS refuses."""
        sources = [
            QueueSource(
                _target(properties["EventSourceArn"]),
                _target(properties["FunctionName"]),
                properties.get("BatchSize", 10),
                "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
            )
            for properties in self.of_type("AWS::Lambda::EventSourceMapping").values()
        ]
        for source in sources:
            hidden = self.resources[source.queue]["Properties"].get("VisibilityTimeout", 30)
            longest = self.resources[source.function]["Properties"].get("Timeout", 3)
            if hidden < longest:
                raise ValueError(
                    f"{source.function}: Queue visibility timeout: {hidden} seconds is less than "
                    f"Function timeout: {longest} seconds"
                )
        return sources

    def schedules(self) -> dict[str, Schedule]:
        """Return the schedules by logical id."""
        return {
            name: _schedule(name, properties)
            for name, properties in self.of_type("AWS::Scheduler::Schedule").items()
        }

    def for_moto(self, api_urls: Mapping[str, str]) -> dict[str, Any]:
        """Return what moto can create, with the endpoint of each HTTP API by its logical id."""
        reduced = copy.deepcopy(self.cloudformation)
        reduced["Resources"] = {
            name: resource
            for name, resource in reduced["Resources"].items()
            if resource["Type"] not in _NOT_CREATED
        }
        for resource in reduced["Resources"].values():
            _disable(resource)
        for api, url in api_urls.items():
            endpoint = re.compile(rf"\$\{{{api}\.ApiEndpoint\}}")
            for part in ("Resources", "Outputs"):
                reduced[part] = _replace(reduced.get(part, {}), endpoint, url)
        return reduced


def translate(source: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a parsed SAM template to the CloudFormation that AWS would deploy."""
    template = copy.deepcopy(dict(source))
    for resource in template["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = "s3://packaged/later"
    session = boto3.Session(region_name=REGION)
    translator = Translator({}, Parser(), boto_session=session)
    return cast(dict[str, Any], translator.translate(template, {}))


def _disable(resource: dict[str, Any]) -> None:
    """Keep moto from running functions and mappings: it only stores their configuration."""
    if resource["Type"] == "AWS::Lambda::Function":
        resource["Properties"]["Code"] = {"ZipFile": "pass"}
        resource["Properties"].pop("Layers", None)
    if resource["Type"] == "AWS::Lambda::EventSourceMapping":
        resource["Properties"]["Enabled"] = False


def _target(reference: Any) -> str:
    """Return the logical id that `Ref` or `Fn::GetAtt` names."""
    if "Ref" in reference:
        return str(reference["Ref"])
    attribute = reference["Fn::GetAtt"]
    name = attribute.split(".")[0] if isinstance(attribute, str) else attribute[0]
    return str(name)


def _routes(api: str, body: Mapping[str, Any]) -> Iterator[ApiRoute]:
    for path, methods in body["paths"].items():
        for method, operation in _if_made(methods).items():
            uri = _if_made(_if_made(operation)["x-amazon-apigateway-integration"]["uri"])["Fn::Sub"]
            match = re.search(r"\$\{(\w+)\.Arn\}", uri)
            if match:
                yield ApiRoute(api, method.upper(), path, match[1])


def _if_made(value: Any) -> Any:
    """Return a value of a function that is made on a condition, as it is when it is made."""
    return value["Fn::If"][1] if "Fn::If" in value else value


def _schedule(name: str, properties: Mapping[str, Any]) -> Schedule:
    target = properties["Target"]
    return Schedule(
        name,
        properties["ScheduleExpression"],
        _target(target["Arn"]),
        target.get("Input", "{}"),
        target.get("SqsParameters", {}).get("MessageGroupId"),
    )


def _replace(value: Any, pattern: re.Pattern[str], by: str) -> Any:
    if isinstance(value, str):
        return pattern.sub(by, value)
    if isinstance(value, list):
        return [_replace(item, pattern, by) for item in value]
    if isinstance(value, dict):
        return {key: _replace(item, pattern, by) for key, item in value.items()}
    return value
