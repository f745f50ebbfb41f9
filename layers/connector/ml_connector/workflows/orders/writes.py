"""A write to Exact before it is made: decided in one place, sent or shown in another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.odata import address
from ml_connector.exact.orders import ORDERS_PATH
from ml_connector.ids import Division, Guid
from ml_connector.purchase_orders.amendment import Edits
from ml_connector.purchase_orders.comparison import Body


@dataclass(frozen=True)
class Write:
    """One call that changes something: `key` for a change or a removal; `record` names it."""

    method: Literal["POST", "PUT", "DELETE"]
    path: str
    body: Mapping[str, Any] | None = None
    key: Guid | None = None
    record: str = ""

    def send(self, gateway: ExactGateway, division: Division) -> None:
        """Make it; raises `Later`, `Review` or `Halt` as the gateway does."""
        if self.key is None:
            # A line belongs to an order that is there: it may not use up what new orders need.
            gateway.create(division, self.path, self.body or {}, record=self.record, is_change=True)
        elif self.method == "PUT":
            gateway.update(division, self.path, self.key, self.body or {}, record=self.record)
        else:
            gateway.remove(division, self.path, self.key, record=self.record)

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is shown: method, path below the division, JSON body."""
        path = address(self.path, self.key) if self.key else self.path
        return {"method": self.method, "path": path, "body": self.body}


def header_write(change: Edits, body: Body, id: Guid, title: str) -> Write | None:
    """Return the change of the header, None when it stays; the marker follows the revision."""
    if not change.header:
        return None
    header = {**change.header, "Remarks": body["Remarks"]}
    return Write("PUT", ORDERS_PATH, header, id, title)


def removal(id: Guid, title: str) -> Write:
    """Return the removal of a whole order."""
    return Write("DELETE", ORDERS_PATH, None, id, title)
