"""Items as versions before form 2 stored them, without an Exact site: literally, and for ever."""

import json
from typing import Any

from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.infrastructure.tables import Tables

DIVISION = 2101
S1, S2, S3 = (f"{n}{n}{n}{n}{n}{n}{n}{n}-0000-4000-8000-000000000000" for n in "123")
ITEM = "44444444-0000-4000-8000-000000000000"
AT = "2026-10-20T09:00:00+00:00"
LATER = "2026-10-20T10:00:00+00:00"


def older_items(firm: str) -> dict[str, list[Item]]:
    """Return what the tables held of a connection with the division 2101, by table."""
    return {
        "mappings": mappings(firm),
        "reference": [*reference(f"{firm}#2101"), *suppliers(f"{firm}#2101#suppliers")],
        "ledger": ledger(firm),
    }


def fill(tables: Tables, firm: str) -> None:
    """Store them."""
    for name in older_items(firm):
        fill_table(getattr(tables, name), firm)


def fill_table(table: Table, firm: str) -> None:
    """Store those of one table."""
    table.put_all(older_items(firm)[table.name])


def mappings(firm: str) -> list[Item]:
    return [
        _link(firm, "ven-1", S1, "anna"),
        {"pk": firm, "sk": f"linked#2101#{S1}#ven-1", "vendor": "ven-1"},
        _link(firm, "ven#2", S2, ""),
        {"pk": firm, "sk": f"linked#2101#{S2}#ven#2", "vendor": "ven#2"},
        {"pk": firm, "sk": f"linked#2101#{S3}#ven-1", "vendor": "ven-1"},  # outdated
        {
            "pk": firm,
            "sk": f"rejected#2101#ven-3#{S3}",
            "body": _json(
                division=2101, vendor="ven-3", supplier=S3, digest="d", by="anna", at=AT, reason="x"
            ),
        },
        {
            "pk": firm,
            "sk": "proposal#2101#ven-4",
            "body": _json(
                division=2101,
                vendor="ven-4",
                vendor_name="Vos",
                candidates=[{"id": S3, "code": "103", "name": "De Vos", "score": 0.9}],
                rule="similar_name",
                evidence=["alike"],
                at=AT,
            ),
        },
        {"pk": firm, "sk": f"posted#{S1}", "order": "po-1"},
    ]


def reference(pk: str) -> list[Item]:
    order: dict[str, Any] = {
        "id": ITEM, "number": "26000001", "supplier": S1, "your_ref": "PO-1", "remarks": "",
        "order_date": "2026-10-19", "receipt_date": None, "description": "",
        "currency": "EUR", "amount": "1.21",
        "amount_without_vat": "1.00", "order_status": 10, "receipt_status": 10,
        "invoice_status": 10, "payment_condition": "30", "warehouse": "", "lines": [],
    }  # fmt: skip
    return [
        {"pk": pk, "sk": "reading#sync/CRM/Accounts", "cursor": 70, "read_at": AT},
        {"pk": pk, "sk": "reading#sync/Deleted", "cursor": 71, "read_at": AT},
        {"pk": pk, "sk": f"supplier#{S1}", "body": _supplier(S1, "101", "Bakker")},
        {"pk": pk, "sk": f"supplier-code#101#{S1}", "points_at": S1},
        {"pk": pk, "sk": f"supplier-name#bakker#{S1}", "points_at": S1},
        {"pk": pk, "sk": f"supplied#{ITEM}#{S1}"},
        {"pk": pk, "sk": f"supplier-change#{S2}#69", "supplier": S2},
        {"pk": pk, "sk": "note#suppliers_followed", "at": AT},
        {"pk": pk, "sk": "text#division moved", "text": "2020"},
        {"pk": pk, "sk": f"order#{ITEM}", "body": json.dumps(order)},
        {"pk": pk, "sk": f"order-of#{S1}#2026-10#{ITEM}", "points_at": ITEM},
        {"pk": pk, "sk": f"order-gone#{S3}"},
    ]


def suppliers(pk: str) -> list[Item]:
    keys = "eAGrVirPL0qxSkrMzk4tUrKKVjKEAl0DINA1AREWIALEhQGl2FoAsQQNoQ=="
    return [
        {"pk": pk, "sk": "keys#0000", "version": 1, "body": keys},
        {"pk": pk, "sk": f"party#{S1}", "body": _json(id=S1, name="Bakker", code="101")},
        {"pk": pk, "sk": "size", "rows": 1},
    ]


def ledger(firm: str) -> list[Item]:
    problem = _problem("SUPPLIER_GONE", "ven-1")
    return [
        _record(
            firm,
            "order#po-1",
            "posting",
            {
                "title": "PO-1",
                "division": 2101,
                "intent": {
                    "division": 2101, "your_ref": "PO-1", "cursor": 5, "at": AT, "amount": "1.00",
                    "digest": "ab",
                },
            },
        ) | {"due_group": firm, "due_at": f"2026-10-20T09:02:00.000000+00:00#{AT}"},
        _record(firm, "order#po-2", "received", {"title": "PO-2"}),
        _record(
            firm,
            "vendor#ven-1",
            "review",
            {
                "title": "Bakker",
                "problems": [problem],
                "divisions": {
                    "": {"reference": "r"},
                    "2101": {"agreed": {"vendor": "Bakker"}, "problem": problem},
                },
            },
        ) | {"open_group": firm, "open_at": AT, "codes": "SUPPLIER_GONE", "waits": False},
        _record(
            firm,
            "connection",
            "halted",
            {
                "halts": {"2101": _problem("EXACT_DIVISION_NOT_ALLOWED", "NL") | {"times": 1}},
                "lifted": {"2101": {"code": "EXACT_FORBIDDEN", "at": AT, "times": 1}},
            },
        ),
        _record(
            firm, "vendors", "running", {"rules": "r", "run": {"page": 0, "whole": ["2101"]}}
        ),
    ]  # fmt: skip


def messages(firm: str) -> list[dict[str, Any]]:
    """Return the bodies of messages that name a division."""
    notified = {"division": 2101, "key": S1, "action": "Update"}
    return [
        {"kind": "refresh", "connection": firm, "division": 2101, "everything": True},
        {"kind": "suppliers", "connection": firm, "division": 2101},
        {"kind": "account", "connection": firm, **notified},
        {"kind": "exact", "connection": firm, "topic": "Items", **notified},
    ]


def _link(firm: str, vendor: str, supplier: str, by: str) -> Item:
    return {
        "pk": firm,
        "sk": f"link#2101#{vendor}",
        "supplier": supplier,
        "rule": "vat_number",
        "evidence": '["same VAT number"]',
        "decided_by": by,
        "decided_at": AT,
        "doubt": "",
    }


def _record(firm: str, key: str, state: str, facts: dict[str, Any]) -> Item:
    return {
        "pk": firm,
        "sk": key,
        "state": state,
        "facts": json.dumps(facts),
        "received_at": AT,
        "version": 3,
        "audit_seq": 3,
        "audit_hash": "0" * 64,
    }


def _problem(code: str, record: str) -> dict[str, Any]:
    return {"code": code, "record": record, "cause": "c", "remedy": "r"}


def _supplier(id: str, code: str, name: str) -> str:
    return _json(id=id, code=code, name=name, is_supplier=True)


def _json(**values: Any) -> str:
    return json.dumps(values)
