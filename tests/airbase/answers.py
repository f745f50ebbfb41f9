"""Airbase's JSON for the default profile, and orders in the form of other tenants."""

import copy
from collections.abc import Mapping
from typing import Any

from ml_connector.settings.airbase_profile import AirbaseProfile

_ORDER: Mapping[str, Any] = {
    "id": "po-id-1",
    "number": "PO-1",
    "status": "approved",
    "outcome": "purchase_order",
    "revision": 3,
    "approved_date": "2026-11-23",
    "subsidiary": {"airbase_id": "sub-nl", "erp_reference_id": "NL01", "name": "Firm NL"},
    "vendor": {"airbase_id": "ven-1", "erp_reference_id": "60001", "name": "Papierhandel"},
    "currency": {"iso_code": "EUR"},
    "total_amount": "1234.50",
    "notes": "Stationery",
    "expected_date": "2026-12-01",
    "payment_term": "Net 30",
    "transaction_tags": [
        {"type_label": "Department", "erp_reference_id": "IT", "name": "Information"}
    ],
    "expense_list": [
        {
            "line_number": 1,
            "description": "Paper",
            "account": {"airbase_id": "acc-1", "name": "Office supplies", "account_number": "4406"},
            "amount": "1000.00",
            "quantity": "4",
            "unit_price": "250.00",
            "tax_code": "4",
            "tags": [{"type_label": "Cost unit", "erp_reference_id": "U1", "name": "Unit"}],
        },
        {
            "line_number": 2,
            "description": "Desk",
            "account": {"airbase_id": "acc-2", "erp_reference_id": "0150", "name": "Furniture"},
            "amount": "234.50",
        },
    ],
}

MISSING = object()
"""Stands for an absent field."""


def raw_order(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the order with changes by path: `{"expense_list.0.amount": "1.00"}`."""
    order: dict[str, Any] = copy.deepcopy(dict(_ORDER))
    for path, value in (changes or {}).items():
        put(order, path, value)
    return order


def put(order: Any, path: str, value: Any) -> None:
    """Set or, for `MISSING`, remove what is at the path."""
    *parents, last = path.split(".")
    for step in parents:
        order = order[int(step)] if isinstance(order, list) else order[step]
    if value is MISSING:
        del order[last]
    elif isinstance(order, list):
        order[int(last)] = value
    else:
        order[last] = value


RAMP_LIKE = AirbaseProfile.model_validate(
    {
        "auth_scheme": "Bearer",
        "order_path": "/developer/v1/purchase-orders/{id}",
        "money_form": "minor_units",
        "time_zone": "America/New_York",
        "state_words": {"OPEN": "approved", "CLOSED": "closed"},
        "outcome_when_absent": "purchase_order",
        "order": {
            "number": "purchase_order_number",
            "state": "receipt_status",
            "subsidiary": "{id: entity_id, code: null_field, name: entity_name}",
            "vendor": "{id: vendor_id, code: vendor_code, name: vendor_name}",
            "currency": "currency",
            "total": "amount.amount",
            "description": "memo",
            "order_date": "created_at",
            "receipt_date": "promise_date",
            "tags": "accounting_field_selections[?category_info.type == 'OTHER']"
            ".{dimension: category_info.name, code: external_id, name: name}",
            "lines": "line_items",
            "line": {
                "description": "memo",
                "gl_account": "accounting_field_selections[?category_info.type == 'GL_ACCOUNT']"
                " | [0].{id: id, code: external_code, name: name}",
                "amount": "amount.amount",
                "quantity": "unit_quantity",
                "unit_price": "unit_price.amount",
                "tags": "accounting_field_selections[?category_info.type == 'OTHER']"
                ".{dimension: category_info.name, code: external_id, name: name}",
            },
        },
    }
)
"""A tenant with amounts in minor units and accounting fields as one list of selections."""


def ramp_like_order() -> dict[str, Any]:
    """Return an order of one line: two licences of 49.99."""
    account = {"category_info": {"type": "GL_ACCOUNT"}, "external_code": "4406", "name": "Software"}
    centre = {
        "category_info": {"type": "OTHER", "name": "Department"},
        "external_id": "IT",
        "name": "Information",
    }
    return {
        "id": "a1",
        "purchase_order_number": "RPO-7",
        "receipt_status": "OPEN",
        "entity_id": "ent-1",
        "entity_name": "Firm",
        "vendor_id": "v-1",
        "vendor_name": "Softwarehuis",
        "currency": "USD",
        "amount": {"amount": 9998, "currency_code": "USD"},
        "created_at": "2026-11-24T03:30:00+00:00",
        "line_items": [
            {
                "memo": "Licence",
                "amount": {"amount": 9998},
                "unit_quantity": 2,
                "unit_price": {"amount": 4999},
                "accounting_field_selections": [account, centre],
            }
        ],
    }


PROCURIFY_LIKE = AirbaseProfile.model_validate(
    {
        "envelope": "data",
        "state_words": {"2": "approved", "4": "cancelled"},
        "outcome_when_absent": "purchase_order",
        "time_zone": "Europe/Amsterdam",
        "order": {
            "id": "to_string(id)",
            "number": "num",
            "subsidiary": "{id: branch.id, code: branch.code, name: branch.name}",
            "vendor": "{id: vendor.id, code: vendor.external_id, name: vendor.name}",
            "currency": "currency.name",
            "total": "total",
            "order_date": "approved_on",
            "tags": "custom_fields[?value].{dimension: name, code: value, name: value}",
            "lines": "items",
            "line": {
                "description": "name",
                "gl_account": "{id: account.id, code: account.code, name: account.description}",
                "amount": "cost",
                "unit_price": "price",
            },
        },
    }
)
"""A tenant with numeric ids and states, and custom fields instead of tags."""


def procurify_like_order() -> dict[str, Any]:
    """Return an order of one line: three chairs of 33.33 1/3."""
    return {
        "id": 512,
        "num": "P-512",
        "status": 2,
        "branch": {"id": 9, "name": "Utrecht"},
        "vendor": {"id": 77, "external_id": "60001", "name": "Meubelmaker"},
        "currency": {"name": "eur"},
        "total": "100.00",
        "approved_on": "2026-11-23T23:30:00Z",
        "custom_fields": [{"name": "Department", "value": "HR"}, {"name": "Mood", "value": None}],
        "items": [
            {
                "name": "Chair",
                "account": {"id": 3, "code": 4406, "description": "Inventory"},
                "cost": "100.00",
                "quantity": 3,
            }
        ],
    }
