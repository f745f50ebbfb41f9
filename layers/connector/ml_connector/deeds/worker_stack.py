"""The stack of a worker, as people's requests use it."""

from dataclasses import dataclass

from ml_connector.services import StackServices
from ml_connector.stack import RecordStack


@dataclass(frozen=True)
class WorkerStack(RecordStack):
    """The records of the stack, through the services of a worker."""

    given: StackServices

    @property
    def services(self) -> StackServices:
        """See `RecordStack.services`."""
        return self.given
