"""Turn the errors of AWS, Exact and the ledger into lines for a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_connector.user_errors import ServiceError, UserError, safe_lines

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

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
_BOTOCORE_MESSAGES = {
    "NoCredentialsError": "no AWS credentials: sign in (aws sso login), or set AWS_PROFILE, "
    "or run `make local` and pass --local",
    "NoRegionError": "no AWS region: pass --region or set AWS_DEFAULT_REGION",
    "ProfileNotFound": "AWS_PROFILE names a profile that is not configured",
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise known errors as `UserError` or `ServiceError`; let a bug pass unchanged."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        known = _translated(error)
        if known is None:
            raise
        raise known from error


def _translated(error: Exception) -> UserError | None:
    """Return what to say, None for a bug. Only an error pays for importing what may raise it."""
    import httpx  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from ml_connector.domain.faults import Halt, Later, Review  # noqa: PLC0415
    from ml_connector.infrastructure.ledger import Conflict  # noqa: PLC0415
    from ml_connector.infrastructure.record_codec import NewerDataError  # noqa: PLC0415

    if isinstance(error, ClientError):
        return ServiceError(_aws_message(error))
    if isinstance(error, BotoCoreError):
        return ServiceError(_botocore_message(error))
    if isinstance(error, Halt | Review):
        return UserError(*safe_lines(str(error)))
    if isinstance(error, Later | httpx.HTTPError):
        return ServiceError(*safe_lines(str(error)))
    if isinstance(error, NewerDataError):
        return ServiceError(str(error))
    if isinstance(error, Conflict):
        return ServiceError(f"somebody else has just changed {error}: run this again")
    return None


def _aws_message(error: "ClientError") -> str:
    """Name only the code and the call: AWS may repeat what it was sent in its message."""
    code, call = error.response.get("Error", {}).get("Code", ""), error.operation_name
    if code in _DENIED:
        return f"AWS denies {call}: use a role that is allowed it in the stack's account"
    if code in _BAD_CREDENTIALS:
        return f"AWS does not accept these credentials ({code}): sign in again"
    if code in _NOT_FOUND:
        return f"AWS does not find what {call} needs: check the stack and the region"
    return f"AWS refused {call} ({code}): run this again; if it persists, see the AWS status page"


def _botocore_message(error: "BotoCoreError") -> str:
    from botocore.exceptions import ConnectionError as AwsConnectionError  # noqa: PLC0415
    from botocore.exceptions import HTTPClientError  # noqa: PLC0415

    kinds = (kind.__name__ for kind in type(error).__mro__)
    if known := next(
        (_BOTOCORE_MESSAGES[kind] for kind in kinds if kind in _BOTOCORE_MESSAGES), ""
    ):
        return known
    if isinstance(error, AwsConnectionError | HTTPClientError):
        return "AWS cannot be reached: check the network; --local needs `make local` running"
    return f"the AWS SDK failed ({type(error).__name__}): check your AWS settings"
