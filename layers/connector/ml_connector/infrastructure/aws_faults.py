"""Errors of AWS itself, as opposed to those over what it was given."""

from botocore.exceptions import BotoCoreError, ClientError

_OVER_WHAT_WAS_GIVEN = {"ValidationException", "ItemCollectionSizeLimitExceededException"}


def is_of_aws(error: Exception) -> bool:
    """Return whether an error has nothing to do with the record in hand: throttling, a right."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") not in _OVER_WHAT_WAS_GIVEN
    return isinstance(error, BotoCoreError)
