"""Turn the errors of AWS, Exact and the ledger into lines for a person."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  botocore's own
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.infrastructure.ledger import Conflict
from ml_connector.infrastructure.record_codec import NewerDataError
from ml_connector.user_errors import ServiceError, UserError, safe_lines

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",  # SNS
    "KMS.AccessDeniedException",  # SQS
    "KMSAccessDenied",  # SNS
    "KmsAccessDenied",  # SQS, as its model has it
    "UnauthorizedOperation",
}
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "RequestExpired",
}
_NOT_FOUND = {
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
}
_BOTOCORE_MESSAGES: dict[type[BotoCoreError], str] = {
    NoCredentialsError: "no AWS credentials: sign in (aws sso login), or set AWS_PROFILE, "
    "or run `make local` and pass --local",
    NoRegionError: "no AWS region: pass --region or set AWS_DEFAULT_REGION",
    ProfileNotFound: "AWS_PROFILE names a profile that is not configured",
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise known errors as `UserError` or `ServiceError`; let a bug pass unchanged."""
    try:
        yield
    except ClientError as error:
        raise ServiceError(_aws_message(error)) from error
    except BotoCoreError as error:
        raise ServiceError(_botocore_message(error)) from error
    except (Halt, Review) as fault:
        raise UserError(*safe_lines(str(fault))) from fault
    except (Later, httpx.HTTPError) as fault:
        raise ServiceError(*safe_lines(str(fault))) from fault
    except NewerDataError as error:
        raise ServiceError(str(error)) from error
    except Conflict as conflict:
        raise ServiceError(
            f"somebody else has just changed {conflict}: run this again"
        ) from conflict


def _aws_message(error: ClientError) -> str:
    """Name only the code and the call: AWS may repeat what it was sent in its message."""
    code, call = error.response.get("Error", {}).get("Code", ""), error.operation_name
    if code in _DENIED:
        return f"AWS denies {call}: use a role that is allowed it in the stack's account"
    if code in _BAD_CREDENTIALS:
        return f"AWS does not accept these credentials ({code}): sign in again"
    if code in _NOT_FOUND:
        return f"AWS does not find what {call} needs: check the stack and the region"
    return f"AWS refused {call} ({code}): run this again; if it persists, see the AWS status page"


def _botocore_message(error: BotoCoreError) -> str:
    for kind, text in _BOTOCORE_MESSAGES.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, ConnectionError | HTTPClientError):
        return "AWS cannot be reached: check the network; --local needs `make local` running"
    return f"the AWS SDK failed ({type(error).__name__}): check your AWS settings"
