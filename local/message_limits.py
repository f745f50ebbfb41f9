"""What SQS and SNS refuse in a message, and moto does not: its size, and its subject."""

from collections.abc import Mapping

LARGEST_MESSAGE = 256 * 1024
"""Bytes, unless a queue or topic says otherwise; those of the template do not."""
_LONGEST_SUBJECT = 100


def refused_by_sqs(text: str) -> str | None:
    """Return the message of SQS's `InvalidParameterValue`; None when it takes the text."""
    if len(text.encode()) <= LARGEST_MESSAGE:
        return None
    return (
        "One or more parameters are invalid. Reason: Message must be shorter than "
        f"{LARGEST_MESSAGE} bytes."
    )


def refused_by_sns(form: Mapping[str, str]) -> str | None:
    """Return the message of SNS's `InvalidParameter` for what is published; None: taken."""
    subject = form.get("Subject", "-")
    if len(form.get("Message", "").encode()) + len(subject.encode()) > LARGEST_MESSAGE:
        return "Invalid parameter: Message too long"
    is_plain = subject.isascii() and subject.isprintable() and subject[:1].strip()
    if not is_plain or len(subject) > _LONGEST_SUBJECT:
        return "Invalid parameter: Subject"
    return None
