"""The operations that the source uses, and their errors, from botocore's own service models."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

import connector_cli
import ml_connector

SERVICES = ("dynamodb", "sqs", "sns", "secretsmanager", "kms", "sts", "cloudformation")
UNLISTED = (
    "AccessDenied", "AccessDeniedException", "AuthorizationError", "KMS.AccessDeniedException",
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnrecognizedClientException",
    "InvalidClientTokenId", "SignatureDoesNotMatch",
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "TooManyRequestsException",
    "InternalServerError", "InternalError", "InternalFailure", "ServiceUnavailable", "503",
    "TransactionConflictException",
)  # fmt: skip
"""Codes that services answer besides those of their models: rights, throttling, AWS itself."""
CANCELLED = "TransactionCanceledException"
REASONS = (
    ("ConditionalCheckFailed",),
    ("None", "ConditionalCheckFailed"),
    ("TransactionConflict",),
    ("TransactionConflict", "ThrottlingError"),
    ("ThrottlingError",),
    ("ProvisionedThroughputExceeded", "None"),
    ("AccessDenied",),
    ("InternalServerError",),
)
"""Why a transaction may be cancelled, item by item."""
_HERE = "https://aws.test"


@cache
def operations() -> dict[str, tuple[str, ...]]:
    """Return the operations of each service that the source names, as its clients do."""
    named = _names_in_source()
    models = {name: botocore.session.get_session().get_service_model(name) for name in SERVICES}
    return {
        service: tuple(op for op in model.operation_names if xform_name(op) in named)
        for service, model in models.items()
    }


@cache
def errors(service: str, operation: str) -> tuple[BotoCoreError | ClientError, ...]:
    """Return every error of an operation: listed, not listed, and without an answer."""
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    listed = [
        str(shape.metadata.get("error", {}).get("code", shape.name)) for shape in model.error_shapes
    ]
    codes = dict.fromkeys([*listed, *UNLISTED])
    found = [refusal(service, operation, code) for code in codes if code != CANCELLED]
    if CANCELLED in codes:
        found += [refusal(service, operation, CANCELLED, reasons) for reasons in REASONS]
    return (*found, *_unanswered())


def refusal(service: str, operation: str, code: str, reasons: tuple[str, ...] = ()) -> ClientError:
    """Return an error with this code, of the class that a client of the service raises."""
    answer: dict[str, Any] = {"Error": {"Code": code, "Message": f"injected into {operation}"}}
    if reasons:
        answer["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    kind: Any = client(service).exceptions.from_code(code)
    made: ClientError = kind(answer, operation)
    return made


@cache
def client(service: str) -> Any:
    """Return a client that is never used, but knows the service's errors."""
    return botocore.session.get_session().create_client(
        service,
        region_name="eu-central-1",
        endpoint_url=_HERE,
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )


def _unanswered() -> Iterator[BotoCoreError]:
    for kind in (
        ConnectTimeoutError,
        ReadTimeoutError,
        EndpointConnectionError,
        ConnectionClosedError,
    ):
        yield kind(endpoint_url=_HERE, error="injected")
    yield NoCredentialsError()


@cache
def _names_in_source() -> frozenset[str]:
    """Return every attribute and text in the layer and the command line."""
    found: set[str] = set()
    for package in (ml_connector, connector_cli):
        for path in Path(str(package.__file__)).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute):
                    found.add(node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return frozenset(found)
