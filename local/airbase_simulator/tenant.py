"""One Airbase tenant: its data, and its users' actions."""

import random
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from local.airbase_simulator.webhooks import Outbox

Row = dict[str, Any]

_REFERENCE = ("airbase_id", "erp_reference_id", "name")
_CENT = Decimal("0.01")


class Tenant:
    """Subsidiaries, vendors, accounts, purchase orders, and webhooks about the orders.

    Rows are Airbase's own JSON; tests may change them in place.
    """

    def __init__(self, clock: Callable[[], float], rng: random.Random) -> None:
        """Start an empty tenant with an API key and a webhook secret."""
        self.clock = clock
        self.rng = rng
        self.api_key = self.new_id()
        self.outbox = Outbox(clock, rng, secret=self.new_id())
        self.orders: dict[str, Row] = {}
        self.vendors: dict[str, Row] = {}
        self.accounts: dict[str, Row] = {}
        self.subsidiaries: dict[str, Row] = {}
        self.ledger_entries: dict[str, Row] = {}

    def add_subsidiary(self, id: str, name: str, code: str = "", **more: Any) -> Row:
        """Add a subsidiary; `code` is its ERP reference."""
        row = {"airbase_id": id, "erp_reference_id": code, "name": name, **more}
        self.subsidiaries[id] = row
        return row

    def add_vendor(self, name: str, code: str = "", id: str = "", **more: Any) -> Row:
        """Add a vendor; `code` is its ERP reference, empty while it is not linked."""
        id = id or self.new_id()
        row: Row = {"id": id, "airbase_id": id, "erp_reference_id": code, "name": name}
        row |= {"is_active": True, "email": "", "subsidiary_reference_ids": [], **more}
        self.vendors[id] = row
        return row

    def add_account(self, number: str, name: str, code: str = "", id: str = "") -> Row:
        """Add a GL account; `code` is its ERP reference."""
        id = id or self.new_id()
        row = {"airbase_id": id, "erp_reference_id": code, "name": name, "account_number": number}
        self.accounts[id] = row | {"subsidiary_reference_ids": []}
        return self.accounts[id]

    def add_ledger_entry(self, vendor: Row, total: str, **more: Any) -> Row:
        """Add a ledger entry that is ready to be fetched."""
        id = self.new_id()
        row: Row = {"id": id, "airbase_id": id, "erp_reference_id": "", "status": "sync_ready"}
        row |= {"vendor": _reference(vendor), "total_amount": total, "error_message": ""}
        self.ledger_entries[id] = row | more
        return self.ledger_entries[id]

    def add_bill(
        self, vendor: Row, number: str, total: str, *, currency: str = "EUR", **more: Any
    ) -> Row:
        """Add a vendor's bill, which is a ledger entry; `more` overrides its fields."""
        row: Row = {"type": "bill", "invoice_number": number, "entry_date": self.now()}
        row |= {"currency": {"erp_reference_id": "", "iso_code": currency}}
        return self.add_ledger_entry(vendor, total, **{**row, **more})

    def add_order(
        self,
        number: str,
        subsidiary: str,
        vendor: Row,
        lines: Sequence[Row],
        *,
        currency: str = "EUR",
        outcome: str = "purchase_order",
        total: str | None = None,
        **more: Any,
    ) -> Row:
        """Add a pending order; `line()` makes its `lines`, whose sum is the total."""
        id = self.new_id()
        self.orders[id] = {
            "id": id,
            "number": number,
            "status": "pending",
            "outcome": outcome,
            "revision": 1,
            "approved_date": None,
            "subsidiary": self.subsidiaries.get(subsidiary),
            "vendor": _reference(vendor),
            "currency": {"iso_code": currency},
            "total_amount": _sum(lines) if total is None else total,
            "notes": "",
            "transaction_tags": [],
            "expense_list": [{"line_number": n} | line for n, line in enumerate(lines, start=1)],
            **more,
        }
        return self.orders[id]

    @staticmethod
    def line(gl_account: str, amount: str, description: str = "", **more: Any) -> Row:
        """Return a category split on the GL account with this number."""
        account = {"airbase_id": "", "erp_reference_id": "", "account_number": gl_account}
        named = account | {"name": f"Category {gl_account}"}
        split = {"account": named, "amount": amount, "description": description, "tags": []}
        return split | more

    @staticmethod
    def tag(label: str, code: str, name: str = "") -> Row:
        """Return a tag value."""
        return {"type_label": label, "erp_reference_id": code, "name": name or code}

    def approve(self, order: Row) -> None:
        """Approve the order and announce it."""
        order |= {"status": "approved", "approved_date": self.now()}
        self.announce(order, "purchase_request.approved")

    def amend(self, order: Row, **changes: Any) -> None:
        """Change an order, as its next approved revision, and announce it."""
        order |= {**changes, "revision": order["revision"] + 1}
        self.announce(order, "purchase_request.approved")

    def cancel(self, order: Row) -> None:
        """Cancel the order and announce it."""
        order["status"] = "cancelled"
        self.announce(order, "purchase_request.cancelled")

    def announce(self, order: Row, type_: str) -> None:
        """Send a webhook about the order."""
        data = {"id": order["id"], "status": order["status"]}
        self.outbox.announce(self.new_id(), type_, self.now(), data)

    def change_vendor(self, vendor: Row, **changes: Any) -> None:
        """Change a vendor and announce it."""
        vendor |= changes
        self.announce_vendor(vendor, "vendor.updated")

    def remove_vendor(self, vendor: Row) -> None:
        """Remove a vendor, as merging two vendors does with one of them, and announce it."""
        del self.vendors[vendor["id"]]
        self.announce_vendor(vendor, "vendor.deleted")

    def announce_vendor(self, vendor: Row, type_: str) -> None:
        """Send a webhook about the vendor."""
        self.outbox.announce(self.new_id(), type_, self.now(), {"id": vendor["id"]})

    def new_id(self) -> str:
        """Return a new id in Airbase's format."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def now(self) -> str:
        """Return the current time as Airbase writes it: ISO without a zone."""
        moment = datetime.fromtimestamp(self.clock(), tz=UTC).replace(tzinfo=None)
        return moment.isoformat(timespec="seconds")


def _reference(vendor: Row) -> Row:
    return {key: vendor[key] for key in _REFERENCE}


def _sum(lines: Sequence[Row]) -> str:
    return str(sum((Decimal(line["amount"]) for line in lines), Decimal(0)).quantize(_CENT))
