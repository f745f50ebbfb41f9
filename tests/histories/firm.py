"""The firm of the histories: two divisions, on one Exact site or two, and its orders in Airbase."""

import random
from collections.abc import Mapping
from typing import Any

from ml_connector.domain.ids import ConnectionId, Division, code_of
from ml_connector.settings.connection import Connection

NL, BE = Division("nl.101"), Division("nl.102")
BE_ABROAD = Division("be.101")
"""The Belgian division on a site of its own, with the code of the Dutch one."""
FIRM = ConnectionId("firm")
_SHARED = {"id": FIRM, "airbase_base_url": "https://airbase.test", "when_cancelled": "delete"}
_SITE = {"exact_site": "nl", "exact_base_url": "https://exact.test"}
_SITE_ABROAD = {"exact_site": "be", "exact_base_url": "https://exact-be.test"}
_DUTCH = {"division": code_of(NL), "subsidiaries": ["sub-nl"], "link_supplier_items": True}
_BELGIAN = {"subsidiaries": ["sub-be"], "create_items": True, "item_unit": "pc"}
CONNECTION = Connection.model_validate(
    {**_SHARED, **_SITE, "divisions": [_DUTCH, {**_BELGIAN, "division": code_of(BE)}]}
)
CONNECTION_OF_TWO_SITES = Connection.model_validate(
    {
        **_SHARED,
        "sites": [
            {**_SITE, "id": FIRM, "divisions": [_DUTCH]},
            {**_SITE_ABROAD, "divisions": [{**_BELGIAN, "division": code_of(BE_ABROAD)}]},
        ],
    }
)

FINAL = {
    "good": "posted", "unknown vendor": "review", "bad total": "review", "card": "not_an_order"
}  # fmt: skip


def kind_of(raw: Mapping[str, Any]) -> str:
    """Return the kind of an order."""
    return str(raw["kind"])


def make_order(id: str, kind: str, rng: random.Random) -> dict[str, Any]:
    """Return an approved order in Airbase's form."""
    amounts = [f"{rng.randint(1, 99_999) / 100:.2f}" for _ in range(rng.randint(1, 3))]
    total = sum(round(float(amount) * 100) for amount in amounts) + (kind == "bad total")
    return {
        "kind": kind,
        "id": id,
        "number": f"PO-{rng.choice((id, 'same'))}",  # numbers need not be unique
        "status": "approved",
        "outcome": "virtual_card" if kind == "card" else "purchase_order",
        "subsidiary": {"airbase_id": rng.choice(("sub-nl", "sub-be"))},
        "vendor": {"airbase_id": "v-unknown" if kind == "unknown vendor" else "v-known"},
        "currency": {"iso_code": "EUR"},
        "total_amount": f"{total / 100:.2f}",
        "expense_list": [
            {"account": {"account_number": "4406"}, "amount": amount} for amount in amounts
        ],
    }
