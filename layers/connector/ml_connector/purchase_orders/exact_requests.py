"""A write to Exact before it is made, to be sent by the worker or shown in a preview."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.diff import Body
from ml_connector.domain.orders.edits import Edits
from ml_connector.exact.client import ExactClient
from ml_connector.exact.odata import address
from ml_connector.exact.purchase_orders import ORDERS_PATH


class ExactWrite(Struct, frozen=True):
    """One call that writes: `key` for a change or a removal; `record` names what it is about."""

    method: Literal["POST", "PUT", "DELETE"]
    path: str
    body: Mapping[str, Any] | None = None
    key: Guid | None = None
    record: str = ""

    def send(self, exact_client: ExactClient, division: Division) -> None:
        """Make the call; raises `Later`, `Review` or `Halt` as the Exact client does."""
        if self.key is None:
            # A new line changes an existing order: it may not use up the calls for new orders.
            exact_client.create(
                division, self.path, self.body or {}, record=self.record, is_change=True
            )
        elif self.method == "PUT":
            exact_client.update(division, self.path, self.key, self.body or {}, record=self.record)
        else:
            exact_client.remove(division, self.path, self.key, record=self.record)

    def as_dict(self) -> dict[str, Any]:
        """Return what a preview shows: method, path below the division, JSON body."""
        path = address(self.path, self.key) if self.key else self.path
        return {"method": self.method, "path": path, "body": self.body}


def header_write(change: Edits, body: Body, id: Guid, title: str) -> ExactWrite | None:
    """Return the header change, None when there is none; the marker follows the revision."""
    if not change.header:
        return None
    header = {**change.header, "Remarks": body["Remarks"]}
    return ExactWrite("PUT", ORDERS_PATH, header, id, title)


def removal(id: Guid, title: str) -> ExactWrite:
    """Return the removal of an order."""
    return ExactWrite("DELETE", ORDERS_PATH, None, id, title)
