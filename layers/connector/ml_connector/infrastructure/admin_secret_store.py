"""The secret store as an administrator's command uses it."""

from contextlib import suppress
from typing import Any

from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.secret_store import EXACT_TOKENS, AwsSecretStore


class AdminSecretStore(AwsSecretStore):
    """The secret store with what only an administrator's command may do."""

    def read_plain(self, kind: str, connection: ConnectionId) -> dict[str, Any] | None:
        """Return the JSON of a secret, None when it is not stored; `Halt` when it is not JSON."""
        found = self._read(kind, connection)
        return None if found is None else dict(found)

    def create_token_secret(self, connection: ConnectionId) -> None:
        """Create the secret for the sealed tokens: functions may not create secrets."""
        name = self._name(EXACT_TOKENS, connection)
        with suppress(self._manager.exceptions.ResourceExistsException):
            self._manager.create_secret(Name=name, KmsKeyId=self._key_id)

    def delete(self, kind: str, connection: ConnectionId) -> None:
        """Delete one plain secret; absent is fine."""
        try:
            self._manager.delete_secret(
                SecretId=self._name(kind, connection), ForceDeleteWithoutRecovery=True
            )
        except self._manager.exceptions.ResourceNotFoundException:
            return
