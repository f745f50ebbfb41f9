"""What the command refuses, and what it says when AWS or Exact does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  botocore's own
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from ml_connector import telemetry
from ml_connector.doors.ledger import Conflict
from ml_connector.faults import Halt, Later, Review

_USER_INFO = re.compile(r"//[^/@\s]*@")


class Complaint(Exception):
    """Wrong use or bad input: one clear line each, exit code 2."""

    exit_code = 2

    def __init__(self, *lines: str) -> None:
        """Carry the lines to print."""
        super().__init__("\n".join(lines))
        self.lines = lines


class Trouble(Complaint):
    """AWS or Exact did not do it; nothing is wrong with what was asked. Exit code 3."""

    exit_code = 3


_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "KMSAccessDenied"}
_SIGN_IN = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
}
_MISSING = {
    "ResourceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
}
_OWN: dict[type[BotoCoreError], str] = {
    NoCredentialsError: "no AWS credentials: sign in (aws sso login), or set AWS_PROFILE, "
    "or use --local with `make local` running",
    NoRegionError: "no AWS region: give --region or set AWS_DEFAULT_REGION",
    ProfileNotFound: "AWS_PROFILE names a profile that is not configured",
}


@contextmanager
def understood() -> Iterator[None]:
    """Turn the faults of AWS, Exact and the ledger into complaints; a bug passes unchanged."""
    try:
        yield
    except ClientError as error:
        raise Trouble(_of_aws(error)) from error
    except BotoCoreError as error:
        raise Trouble(_of_botocore(error)) from error
    except (Halt, Review) as fault:
        raise Complaint(*safe_lines(str(fault))) from fault
    except (Later, httpx.HTTPError) as fault:
        raise Trouble(*safe_lines(str(fault))) from fault
    except Conflict as conflict:
        raise Trouble(
            f"{conflict} was changed by somebody else meanwhile: run this again"
        ) from conflict


def safe_lines(*texts: str) -> list[str]:
    """Return the texts without secrets, each on one line."""
    return [_USER_INFO.sub("//", telemetry.redact_text(" ".join(text.split()))) for text in texts]


def _of_aws(error: ClientError) -> str:
    """Name code and call alone: AWS may repeat in its message what it was sent."""
    code, call = error.response.get("Error", {}).get("Code", ""), error.operation_name
    if code in _DENIED:
        return f"AWS denies {call}: use a role that may do it in the stack's account"
    if code in _SIGN_IN:
        return f"AWS does not accept these credentials ({code}): sign in again"
    if code in _MISSING:
        return f"AWS does not find what {call} asks for: is this the right stack and region?"
    return f"AWS refused {call} ({code}): run this again; if it stays, look at the AWS status page"


def _of_botocore(error: BotoCoreError) -> str:
    for kind, text in _OWN.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, ConnectionError):
        return "AWS cannot be reached: check the network, or with --local that `make local` runs"
    return f"the AWS SDK cannot go on ({type(error).__name__}): check the AWS settings"
