"""What the product's adapters make of every error that an operation may answer."""

import re

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from connector_cli.errors import translated_errors
from ml_connector.infrastructure.aws_faults import is_of_aws
from ml_connector.user_errors import ServiceError
from tests.aws_errors import model
from tests.aws_errors.faulty import Call, handling

EVERY = [
    pytest.param(service, operation, id=f"{service} {operation}")
    for service, operations in model.operations().items()
    for operation in operations
]
_CONDITIONAL = ("insert", "replace", "change", "transact", "add", "raise_to")
_CONFLICTS = {
    "ConditionalCheckFailedException",
    "TransactionConflictException",
    "TransactionCanceledException ConditionalCheckFailed",
    "TransactionCanceledException None ConditionalCheckFailed",
    "TransactionCanceledException TransactionConflict",
    "TransactionCanceledException TransactionConflict ThrottlingError",
}
_OPERATIONS = {
    "insert": "PutItem",
    "replace": "PutItem",
    "change": "UpdateItem",
    "put": "PutItem",
    "transact": "TransactWriteItems",
    "add": "UpdateItem",
    "raise_to": "UpdateItem",
    "delete": "DeleteItem",
    "put_all": "BatchWriteItem",
}


def test_the_operations_are_those_of_the_source() -> None:
    found = {(service, op) for service, ops in model.operations().items() for op in ops}
    assert {
        ("dynamodb", "TransactWriteItems"),
        ("dynamodb", "Query"),
        ("sqs", "ChangeMessageVisibility"),
        ("sns", "Publish"),
        ("secretsmanager", "PutSecretValue"),
        ("kms", "GenerateDataKey"),
        ("sts", "GetCallerIdentity"),
        ("cloudformation", "DescribeStacks"),
    } <= found
    assert ("dynamodb", "CreateTable") not in found
    assert sum(len(model.errors(*each)) for each in found) > 500


@pytest.mark.parametrize("method", _OPERATIONS)
def test_conflicts_are_told_from_all_other_errors(method: str) -> None:
    operation = _OPERATIONS[method]
    call = Call("dynamodb", operation, "ledger", method)
    known = model.errors("dynamodb", operation)
    refused = {name(error) for error in known if handling(call, error) == "returns False"}
    refused |= {name(error) for error in known if handling(call, error) == "returns None"}
    listed = {name(error) for error in known}
    assert refused == (_CONFLICTS & listed if method in _CONDITIONAL else set())


def name(error: Exception) -> str:
    """Return the code of an error, with the reasons of a cancelled transaction."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    reasons = error.response.get("CancellationReasons", ())
    return " ".join([error.response["Error"]["Code"], *(each["Code"] for each in reasons)])


@pytest.mark.parametrize(("service", "operation"), EVERY)
def test_no_record_is_blamed_for_an_error_of_aws(service: str, operation: str) -> None:
    blamed = {name(error) for error in model.errors(service, operation) if not is_of_aws(error)}
    assert blamed <= {"ItemCollectionSizeLimitExceededException", "ValidationException"}


@pytest.mark.parametrize(("service", "operation"), EVERY)
def test_the_command_line_says_what_to_do_about_every_error(service: str, operation: str) -> None:
    for error in model.errors(service, operation):
        with pytest.raises(ServiceError) as caught, translated_errors():
            raise error
        text = str(caught.value)
        assert "injected" not in text, "AWS may repeat what it was sent"
        code = name(error)
        if re.search("Access_?Denied|AuthorizationError", code) and "Canceled" not in code:
            assert text.startswith(f"AWS denies {operation}: use a role")
        elif code.startswith(("Expired", "RequestExpired", "UnrecognizedClient")):
            assert "sign in again" in text
        elif isinstance(error, BotoCoreError):
            assert "AWS cannot be reached" in text or "no AWS credentials" in text, code
