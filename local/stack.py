"""The stack on one machine, made from template.yaml.

    with LocalStack() as stack:
        httpx.post(f"{stack.url}/webhooks/airbase/acme", content=...)
        stack.drain()

moto simulates AWS; routes, pollers and schedules are simulated here. Everything listens on
loopback only. moto's state is global to the process: run only one stack at a time.
"""

import json
import logging
import platform
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from local.api_gateway import ApiGateway
from local.aws import LocalAws, ProcessEnvironment
from local.functions import LocalFunction
from local.rights.aws_services import API_ID, AwsServices, NotAuthorizedError
from local.rights.endpoint import OWNER_KEY, key_id
from local.rights.intrinsics import Place, Resolver
from local.rights.policies import Principal
from local.rights.stack_policies import StackPolicies
from local.rights.stack_rights import StackRights
from local.sam_template import ACCOUNT, REGION, TEMPLATE, SamTemplate
from local.schedules import Timetable, message
from local.sent_mail import SentMail
from local.sqs_pollers import Poller
from ml_connector import clock as connector_clock

logger = logging.getLogger(__name__)

PEOPLE = {"operator": "OperatorPolicy", "reader": "ReaderPolicy"}
"""The managed policy of each kind of person who runs the command."""
PERSON = "operator"
WEBHOOK_API, CONSOLE_API = "WebhookApi", "ConsoleApi"
"""The logical ids of the HTTP APIs."""

_MACHINE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


@dataclass(frozen=True)
class Crash:
    """A function call that raised an exception."""

    function: str
    error: Exception


def made_with(template: SamTemplate, stack: str, parameters: Mapping[str, str]) -> SamTemplate:
    """Return the template without what these parameters do not make.

    moto keeps an empty item in a list where CloudFormation leaves out what is not made.
    """
    whole = template.cloudformation
    resolver = Resolver(whole, stack, Place(ACCOUNT, REGION), str, parameters)

    def made(section: str) -> dict[str, Any]:
        return {
            name: resolver.decided(each)
            for name, each in whole.get(section, {}).items()
            if "Condition" not in each or resolver.holds(each["Condition"])
        }

    template.use({**whole, **{name: made(name) for name in ("Resources", "Outputs")}})
    return template


class LocalStack:
    """One deployed template: an HTTP server, moto as AWS, handlers in this process.

    Every call to AWS is judged by the template's policies. A stack that refused one, and was not
    told to forget it, fails when its context ends.
    """

    def __init__(
        self,
        template: Path = TEMPLATE,
        *,
        name: str = "connector",
        clock: Callable[[], float] = connector_clock.epoch,
        api_ports: Mapping[str, int] | None = None,
        aws_port: int = 0,
        aws_listen: str = "127.0.0.1",
        parameters: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        visibility: int | None = None,
    ) -> None:
        """Prepare the stack `name`; `start` runs it.

        `clock` (epoch seconds) drives schedules. `api_ports` (by the logical id of an HTTP API) and
        `aws_port` are the ports, 0 or none for a free one; `aws_listen` is the address of the AWS
        endpoint. What the template makes on a condition is made if `parameters` meet it.
        `parameters` override the template's, `variables` are added to every function's
        environment, `visibility` (seconds) replaces the queues' own visibility timeout.
        """
        self.name = name
        self._parameters = {"Architecture": _MACHINE} | dict(parameters or {})
        self.template = made_with(SamTemplate(template), name, self._parameters)
        self.crashes: deque[Crash] = deque(maxlen=1000)
        self._clock = clock
        self._variables = dict(variables or {})
        self._visibility = visibility
        self._aws = LocalAws(aws_port, aws_listen)
        self._gateways = self._open_gateways(api_ports or {})
        if CONSOLE_API in self._gateways:
            self._parameters.setdefault("ConsoleUrl", self._gateways[CONSOLE_API].url)
        self._process = ProcessEnvironment()
        self._functions: dict[str, LocalFunction] = {}
        self._pollers: list[Poller] = []
        self._ids: dict[str, str] = {}
        self._stop = Event()
        self._threads: list[Thread] = []

    # ------------------------------------------------------------ start and stop

    def start(self) -> Self:
        """Create the stack, import its functions and serve; takes about one second."""
        self._aws.start()
        self._process.set(self._aws.environment())
        self._create()
        self._enforce_rights()
        self._load_functions()
        for gateway in self._gateways.values():
            gateway.start()
        self._pollers = [self._poller(source) for source in self.template.sources()]
        return self

    def stop(self) -> None:
        """Stop serving, delete all state, restore the process environment."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for gateway in self._gateways.values():
            gateway.stop()
        self._aws.stop()
        self._process.restore()

    def __enter__(self) -> Self:
        """Start; stop again if that fails."""
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; raise `NotAuthorizedError` if AWS would have refused a call."""
        self.stop()
        if kind is None and self.rights.refusals:
            raise NotAuthorizedError("\n".join(map(str, self.rights.refusals)))

    # ------------------------------------------------------------ addresses and resources

    @property
    def url(self) -> str:
        """Return the base URL of the API of the webhooks, or of the template's only one."""
        others = (gateway for api, gateway in self._gateways.items() if api != CONSOLE_API)
        return next(others).url

    @property
    def console_url(self) -> str:
        """Return the base URL of the console; raises KeyError for a stack without one."""
        return self._gateways[CONSOLE_API].url

    @property
    def api_urls(self) -> dict[str, str]:
        """Return the base URL of each HTTP API, by logical id."""
        return {api: gateway.url for api, gateway in self._gateways.items()}

    @property
    def mail(self) -> SentMail:
        """Return the account of SES, with the mail that it took."""
        return self._aws.mail

    @property
    def endpoint_url(self) -> str:
        """Return the URL of the AWS endpoint."""
        return self._aws.endpoint_url

    @property
    def outputs(self) -> dict[str, str]:
        """Return the template's outputs."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def resource(self, logical_id: str) -> str:
        """Return the physical id: a table's name, a queue's URL, a key's id."""
        return self._ids[logical_id]

    @property
    def functions(self) -> list[str]:
        """Return the logical ids of the functions."""
        return list(self._functions)

    def environment(self, function: str | None = None, *, person: str = PERSON) -> dict[str, str]:
        """Return the variables that point to this stack: a person's, or those of one function."""
        if function is None:
            return self._aws.environment(self._key_id(person))
        signing = self._aws.environment(key_id(self._sessions[function].name))
        return signing | self._functions[function].environment

    def client(self, service: str, principal: str | None = None) -> Any:
        """Return a client of one AWS service of this stack.

        It may do everything, as the owner of the account, unless it is a role's or a person's.
        """
        return self._aws.client(service, self._key_id(principal) if principal else OWNER_KEY)

    # ------------------------------------------------------------ events and messages

    def invoke(self, function: str, event: Any) -> Any:
        """Call a function by its logical id; a crash is recorded and raised."""
        try:
            self.services.lambda_writes_logs(function, self._sessions[function])
            return self._functions[function](event)
        except Exception as error:
            self.crashes.append(Crash(function, error))
            raise

    def fire(self, schedule: str, at: datetime | None = None) -> None:
        """Fire a schedule (by logical id) now, as EventBridge Scheduler does."""
        found = self.template.schedules()[schedule]
        body = message(found, at or datetime.fromtimestamp(self._clock(), tz=UTC))
        session = self.services.scheduler_assumes(schedule)
        if found.group is None:
            self.services.scheduler_invokes(session, found.target)
            self.invoke(found.target, json.loads(body))
            return
        self.client("sqs", session.name).send_message(
            QueueUrl=self.resource(found.target), MessageBody=body, MessageGroupId=found.group
        )

    def drain(self, *, retry_at_once: bool = True, limit: int = 10_000) -> int:
        """Process all queues in the calling thread; return how many messages were delivered.

        Failed messages are delivered again at once (until they are redriven) instead of after
        the visibility timeout, unless `retry_at_once` is off. Raises RuntimeError when background
        pollers are running, or after more than `limit` deliveries.
        """
        if self._threads:
            raise RuntimeError("the queues are already polled in the background")
        delivered = 0
        while batch := sum(p.once(retry_at_once=retry_at_once) for p in self._pollers):
            delivered += batch
            if delivered > limit:
                raise RuntimeError(f"more than {limit} deliveries: does a message queue itself?")
        return delivered

    def run_in_background(self, *, workers: int = 2, schedules: bool = True) -> None:
        """Poll each queue with `workers` threads and fire schedules, until stopped."""
        jobs: list[Callable[[Event], None]] = [p.run for p in self._pollers for _ in range(workers)]
        if schedules:
            jobs.append(Timetable(self.template.schedules(), self._clock, self._fire_safely).run)
        for job in jobs:
            thread = Thread(target=job, args=(self._stop,), daemon=True)
            self._threads.append(thread)
            thread.start()

    # ------------------------------------------------------------ creation

    def _open_gateways(self, ports: Mapping[str, int]) -> dict[str, ApiGateway]:
        """Return a server for each HTTP API, not started yet."""
        routes = self.template.routes()
        return {
            api: ApiGateway(
                [route for route in routes if route.api == api],
                self._invoke_for_route,
                ports.get(api, 0),
            )
            for api in dict.fromkeys(route.api for route in routes)
        }

    def _create(self) -> None:
        formation = self.client("cloudformation")
        parameters = self._parameters | {"AwsEndpointUrl": self.endpoint_url}
        formation.create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(self.template.for_moto(self.api_urls)),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in parameters.items()
                if key in self.template.cloudformation.get("Parameters", {})
            ],
        )
        pages = formation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        self._ids = {
            summary["LogicalResourceId"]: summary["PhysicalResourceId"]
            for page in pages
            for summary in page["StackResourceSummaries"]
        }

    def _enforce_rights(self) -> None:
        """Judge every call from now on by the policies of the template."""
        template, place = self.template.cloudformation, Place(ACCOUNT, REGION)
        resolver = Resolver(template, self.name, place, self._physical_name, self._parameters)
        policies = StackPolicies(template, resolver)
        people = {name: each for name, each in PEOPLE.items() if each in self.template.resources}
        self.rights = StackRights(policies, people)
        self.services = AwsServices(self.rights)
        self._sessions = {
            name: self.services.lambda_assumes(name) for name in self.template.functions()
        }
        roles = policies.named("AWS::IAM::Role")
        sessions = [policies.role_session(role, role) for role in roles]
        users = [Principal(name, place.arn(f"iam::{{account}}:user/{name}")) for name in people]
        self._aws.endpoint.enforce(self.rights, [*sessions, *self._sessions.values(), *users])
        self._people = set(people)

    def _physical_name(self, logical_id: str) -> str:
        """Return the name at the end of a resource's ARN.

        moto's id of a queue is a URL, and of a topic or policy the ARN itself.
        """
        id = self._ids.get(logical_id, API_ID)
        if id.startswith("arn:"):
            return id.rpartition(":")[2].removeprefix("policy/").removeprefix("key/")
        return id.rpartition("/")[2] if id.startswith("http") else id

    def _key_id(self, principal: str) -> str:
        """Return the key of a role or a person; raises KeyError for anyone else."""
        if principal in PEOPLE and principal not in self._people:
            return OWNER_KEY  # a template without people has only its owner
        if principal not in PEOPLE and principal not in self.template.resources:
            raise KeyError(principal)
        return key_id(principal)

    def _invoke_for_route(self, function: str, event: Any) -> Any:
        method, _, path = event["routeKey"].partition(" ")
        self.services.gateway_invokes(function, method, path)
        return self.invoke(function, event)

    def _load_functions(self) -> None:
        deployed = self.client("lambda")
        for logical_id, code in self.template.functions().items():
            name = self._ids[logical_id]
            configuration = deployed.get_function_configuration(FunctionName=name)
            variables = configuration.get("Environment", {}).get("Variables", {})
            # Lambda knows texts alone; moto keeps what a parameter of type Number says as a number.
            texts = {key: str(value) for key, value in variables.items()}
            self._functions[logical_id] = LocalFunction(name, code, texts | self._variables)
        union = {k: v for f in self._functions.values() for k, v in f.environment.items()}
        for logical_id, function in self._functions.items():
            role = self._sessions[logical_id].name
            function.load(union, self._aws.environment(key_id(role)))
        # Handlers run in the same process, so they see all variables while they run.
        self._process.set(union)

    def _poller(self, source: Any) -> Poller:
        def call(event: Any) -> Any:
            return self.invoke(source.function, event)

        queue_url, role = self.resource(source.queue), self._sessions[source.function].name
        sqs = self.client("sqs", role), self.client("sqs")
        chained = self._aws.chains, key_id(role)
        return Poller(source, queue_url, *sqs, call, *chained, visibility=self._visibility)

    def _fire_safely(self, schedule: str, at: datetime) -> None:
        try:
            self.fire(schedule, at)
        except Exception:  # the crash is recorded; the timetable goes on
            logger.exception("%s failed", schedule)
