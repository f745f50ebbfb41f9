"""The whole stack on one machine, made from template.yaml.

    with LocalStack() as stack:
        httpx.post(f"{stack.url}/webhooks/airbase/acme", content=...)
        stack.drain()

The AWS side is moto; routes, pollers and schedules are played by this package. All of it listens
on loopback only. moto's state belongs to the process: have one stack running at a time.
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

from local.blueprint import TEMPLATE, Blueprint
from local.cloud import Cloud, ProcessEnvironment
from local.functions import LocalFunction
from local.gateway import Gateway
from local.pollers import Poller
from local.schedules import Timetable, message
from ml_connector import clock as connector_clock

logger = logging.getLogger(__name__)

_MACHINE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


@dataclass(frozen=True)
class Crash:
    """A call that ended in an exception: where, and which."""

    function: str
    error: Exception


class LocalStack:
    """One deployed template: real HTTP in front, moto behind, handlers in this process."""

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
        """Prepare the stack `name`; nothing runs before `start`.

        `clock` (epoch seconds) drives schedules. `port` and `aws_port` are those of the HTTP API
        and of the AWS endpoint, 0 for free ones; `aws_listen` is the address of the latter.
        `parameters` override the template's, `variables` are added to every function's
        environment, `visibility` (seconds) replaces the queues' own visibility timeout.
        """
        self.name = name
        self.blueprint = Blueprint(template)
        self.crashes: deque[Crash] = deque(maxlen=1000)
        self._clock = clock
        self._parameters = {"Architecture": _MACHINE} | dict(parameters or {})
        self._variables = dict(variables or {})
        self._visibility = visibility
        self._cloud = Cloud(aws_port, aws_listen)
        self._gateway = Gateway(self.blueprint.routes(), self.invoke, port)
        self._process = ProcessEnvironment()
        self._functions: dict[str, LocalFunction] = {}
        self._pollers: list[Poller] = []
        self._ids: dict[str, str] = {}
        self._stop = Event()
        self._threads: list[Thread] = []

    # ------------------------------------------------------------ life

    def start(self) -> Self:
        """Create the stack, import its functions and serve; about one second."""
        self._cloud.start()
        self._process.set(self._cloud.environment())
        self._create()
        self._load_functions()
        self._gateway.start()
        self._pollers = [self._poller(source) for source in self.blueprint.sources()]
        return self

    def stop(self) -> None:
        """Stop serving, forget everything, put the process environment back."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._gateway.stop()
        self._cloud.stop()
        self._process.restore()

    def __enter__(self) -> Self:
        """Start; a stack that cannot is taken down again."""
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

    # ------------------------------------------------------------ what is there

    @property
    def url(self) -> str:
        """Return the base URL of the HTTP API."""
        return self._gateway.url

    @property
    def endpoint_url(self) -> str:
        """Return the URL of the AWS endpoint."""
        return self._cloud.endpoint_url

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
        """Return the variables that lead to this stack, with those of one function."""
        own = self._functions[function].environment if function else {}
        return self._cloud.environment() | own

    def client(self, service: str) -> Any:
        """Return a client of one AWS service of this stack."""
        return self._cloud.client(service)

    # ------------------------------------------------------------ what it does

    def invoke(self, function: str, event: Any) -> Any:
        """Call a function by its logical id and return its answer; a crash is kept and raised."""
        try:
            return self._functions[function](event)
        except Exception as error:
            self.crashes.append(Crash(function, error))
            raise

    def fire(self, schedule: str, at: datetime | None = None) -> None:
        """Let a schedule (by logical id) say its message now, as EventBridge Scheduler would."""
        plan = self.blueprint.schedules()[schedule]
        body = message(plan, at or datetime.fromtimestamp(self._clock(), tz=UTC))
        if plan.group is None:
            self.invoke(plan.target, json.loads(body))
            return
        self.client("sqs").send_message(
            QueueUrl=self.resource(plan.target), MessageBody=body, MessageGroupId=plan.group
        )

    def drain(self, *, retry_at_once: bool = True, limit: int = 10_000) -> int:
        """Work off all queues in the calling thread; return how many messages were delivered.

        Failed messages come again at once (until they are redriven) instead of after the
        visibility timeout, unless `retry_at_once` is off. Raises RuntimeError when background
        pollers are running, or when work makes new work beyond `limit` deliveries.
        """
        if self._threads:
            raise RuntimeError("the queues are polled in the background already")
        delivered = 0
        while batch := sum(p.once(retry_at_once=retry_at_once) for p in self._pollers):
            delivered += batch
            if delivered > limit:
                raise RuntimeError(f"more than {limit} deliveries: does a message queue itself?")
        return delivered

    def run_in_background(self, *, workers: int = 2, schedules: bool = True) -> None:
        """Poll each queue with so many threads, and fire schedules by the clock, until stopped."""
        jobs: list[Callable[[Event], None]] = [p.run for p in self._pollers for _ in range(workers)]
        if schedules:
            jobs.append(Timetable(self.blueprint.schedules(), self._clock, self._fire_safely).run)
        for job in jobs:
            thread = Thread(target=job, args=(self._stop,), daemon=True)
            self._threads.append(thread)
            thread.start()

    # ------------------------------------------------------------ how it is made

    def _create(self) -> None:
        formation = self.client("cloudformation")
        parameters = self._parameters | {"AwsEndpointUrl": self.endpoint_url}
        formation.create_stack(
            StackName=self.name,
            TemplateBody=json.dumps(self.blueprint.for_moto(self.url)),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in parameters.items()
                if key in self.blueprint.cloudformation.get("Parameters", {})
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
        for logical_id, code in self.blueprint.functions().items():
            name = self._ids[logical_id]
            configuration = deployed.get_function_configuration(FunctionName=name)
            variables = configuration.get("Environment", {}).get("Variables", {})
            self._functions[logical_id] = LocalFunction(name, code, variables | self._variables)
        union = {k: v for f in self._functions.values() for k, v in f.environment.items()}
        for function in self._functions.values():
            function.load(union)
        # Handlers run side by side in this process, so while they run they see all variables.
        self._process.set(union)

    def _poller(self, source: Any) -> Poller:
        def call(event: Any) -> Any:
            return self.invoke(source.function, event)

        queue_url = self.resource(source.queue)
        return Poller(source, queue_url, self.client("sqs"), call, visibility=self._visibility)

    def _fire_safely(self, schedule: str, at: datetime) -> None:
        try:
            self.fire(schedule, at)
        except Exception:  # the crash is kept; the timetable goes on
            logger.exception("%s failed", schedule)
