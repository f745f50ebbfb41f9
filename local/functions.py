"""Runs a function's handler in this process, as Lambda does."""

import importlib.util
import itertools
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3

from local.sam_template import ACCOUNT, REGION, FunctionCode

_loaded = itertools.count(1)


@dataclass(frozen=True)
class LambdaContext:
    """The context that Lambda passes with the event."""

    function_name: str
    memory_limit_in_mb: int
    deadline: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """Return the function's ARN."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """Return the name of the function's log group."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """Return the name of the log stream."""
        return "local"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class LocalFunction:
    """One function of the stack, imported from its CodeUri under a unique module name."""

    def __init__(self, name: str, code: FunctionCode, environment: Mapping[str, str]) -> None:
        """Take the function's deployed name, its code and its resolved variables."""
        self.name = name
        self.environment = dict(environment)
        self._code = code
        self._handler: Callable[[Any, LambdaContext], Any] | None = None

    def load(self, stack_variables: Mapping[str, str], role: Mapping[str, str]) -> None:
        """Import the handler with its own variables and no others of the stack.

        A variable that template.yaml does not give to this function is missing here too. Its AWS
        clients sign with the key of its role, which `role` holds as Lambda's own variables do.
        """
        own = {**self.environment, **role, "AWS_LAMBDA_FUNCTION_NAME": self.name}
        boto3.DEFAULT_SESSION = None  # it would keep the key of the function loaded before
        with _only_variables(own, stack_variables):
            self._handler = self._import()

    def __call__(self, event: Any) -> Any:
        """Call the handler; event and result pass through JSON, as in Lambda."""
        if self._handler is None:
            raise RuntimeError(f"{self.name} is not loaded")
        context = LambdaContext(self.name, self._code.memory, time.monotonic() + self._code.timeout)
        return json.loads(json.dumps(self._handler(json.loads(json.dumps(event)), context)))

    def _import(self) -> Callable[[Any, LambdaContext], Any]:
        module_name, _, attribute = self._code.handler.rpartition(".")
        path = self._code.folder / f"{module_name}.py"
        unique = f"_lambda_{next(_loaded)}_{path.parent.name}_{module_name}"
        spec = importlib.util.spec_from_file_location(unique, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"cannot import {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[unique] = module
        spec.loader.exec_module(module)
        handler: Callable[[Any, LambdaContext], Any] = getattr(module, attribute)
        return handler


@contextmanager
def _only_variables(variables: Mapping[str, str], hidden: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in hidden:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in {*variables, *hidden} - before.keys():
            os.environ.pop(name, None)
        os.environ.update(before)
