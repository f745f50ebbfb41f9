"""The quota of Secrets Manager for the versions of one secret, which moto does not know."""

from botocore.exceptions import ClientError

from ml_connector import clock

MOST_VERSIONS = 100
"""Versions younger than a day, which Secrets Manager never deletes."""
_DAY = 86_400.0


class SecretVersions:
    """Counts the versions written of each secret."""

    def __init__(self) -> None:
        """Start without any secret."""
        self._written: dict[str, list[float]] = {}

    def add(self, secret: str) -> bool:
        """Count one more version, now; return False when it is one too many."""
        now = clock.epoch()
        young = [at for at in self._written.get(secret, ()) if now - at < _DAY]
        self._written[secret] = young
        if len(young) >= MOST_VERSIONS:
            return False
        young.append(now)
        return True

    def forget(self, secret: str) -> None:
        """Forget a secret that was deleted."""
        self._written.pop(secret, None)


def too_many_versions(operation: str) -> ClientError:
    """Return what Secrets Manager answers to one version too many."""
    text = "You've reached the maximum number of versions for the secret."
    return ClientError({"Error": {"Code": "LimitExceededException", "Message": text}}, operation)
