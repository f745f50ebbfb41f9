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
from local.sam_template import TEMPLATE, SamTemplate
from local.schedules import Timetable, message
from local.sqs_pollers import Poller
from ml_connector import clock as connector_clock

logger = logging.getLogger(__name__)

_MACHINE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


@dataclass(frozen=True)
class Crash:
    """A function call that raised an exception."""

    function: str
    error: Exception


class LocalStack:
    """One deployed template: an HTTP server, moto as AWS, handlers in this process."""

    def __init__(
        self,
        template: Path = TEMPLATE,
        *,
        name: str = "connector",
        clock: Callable[[], float] = connector_clock.epoch,
        port: int = 0,
        aws_port: int = 0,
        aws_listen: str = "127.0.0.1",
        parameters: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        visibility: int | None = None,
    ) -> None:
        """Prepare the stack `name`; `start` runs it.

        `clock` (epoch seconds) drives schedules. `port` and `aws_port` are those of the HTTP API
        and of the AWS endpoint, 0 for free ones; `aws_listen` is the address of the latter.
        `parameters` override the template's, `variables` are added to every function's
        environment, `visibility` (seconds) replaces the queues' own visibility timeout.
        """
        self.name = name
        self.template = SamTemplate(template)
        self.crashes: deque[Crash] = deque(maxlen=1000)
        self._clock = clock
        self._parameters = {"Architecture": _MACHINE} | dict(parameters or {})
        self._variables = dict(variables or {})
        self._visibility = visibility
        self._aws = LocalAws(aws_port, aws_listen)
        self._gateway = ApiGateway(self.template.routes(), self.invoke, port)
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
        self._load_functions()
        self._gateway.start()
        self._pollers = [self._poller(source) for source in self.template.sources()]
        return self

    def stop(self) -> None:
        """Stop serving, delete all state, restore the process environment."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._gateway.stop()
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
        """Stop."""
        self.stop()

    # ------------------------------------------------------------ addresses and resources

    @property
    def url(self) -> str:
        """Return the base URL of the HTTP API."""
        return self._gateway.url

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

    def environment(self, function: str | None = None) -> dict[str, str]:
        """Return the variables that point to this stack, with those of one function."""
        own = self._functions[function].environment if function else {}
        return self._aws.environment() | own

    def client(self, service: str) -> Any:
        """Return a client of one AWS service of this stack."""
        return self._aws.client(service)

    # ------------------------------------------------------------ events and messages

    def invoke(self, function: str, event: Any) -> Any:
        """Call a function by its logical id; a crash is recorded and raised."""
        try:
            return self._functions[function](event)
        except Exception as error:
            self.crashes.append(Crash(function, error))
            raise

    def fire(self, schedule: str, at: datetime | None = None) -> None:
        """Fire a schedule (by logical id) now, as EventBridge Scheduler does."""
        found = self.template.schedules()[schedule]
        body = message(found, at or datetime.fromtimestamp(self._clock(), tz=UTC))
        if found.group is None:
            self.invoke(found.target, json.loads(body))
            return
        self.client("sqs").send_message(
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

    def _create(self) -> None:
        formation = self.client("cloudformation")
        parameters = self._parameters | {"AwsEndpointUrl": self.endpoint_url}
        formation.create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(self.template.for_moto(self.url)),
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

    def _load_functions(self) -> None:
        deployed = self.client("lambda")
        for logical_id, code in self.template.functions().items():
            name = self._ids[logical_id]
            configuration = deployed.get_function_configuration(FunctionName=name)
            variables = configuration.get("Environment", {}).get("Variables", {})
            self._functions[logical_id] = LocalFunction(name, code, variables | self._variables)
        union = {k: v for f in self._functions.values() for k, v in f.environment.items()}
        for function in self._functions.values():
            function.load(union)
        # Handlers run in the same process, so they see all variables while they run.
        self._process.set(union)

    def _poller(self, source: Any) -> Poller:
        def call(event: Any) -> Any:
            return self.invoke(source.function, event)

        queue_url = self.resource(source.queue)
        return Poller(source, queue_url, self.client("sqs"), call, visibility=self._visibility)

    def _fire_safely(self, schedule: str, at: datetime) -> None:
        try:
            self.fire(schedule, at)
        except Exception:  # the crash is recorded; the timetable goes on
            logger.exception("%s failed", schedule)
