"""What the fields of an order are called, in words."""

from collections.abc import Mapping

from ml_connector.languages.texts import marked

COMPARED: Mapping[str, str] = {
    "description": marked("Description"),
    "order_date": marked("Order date"),
    "payment_condition": marked("Payment condition"),
    "sum": marked("Sum of the lines"),
    "quantity": marked("Quantity"),
    "unit_price": marked("Unit price"),
    "vat_code": marked("VAT code"),
    "cost_centre": marked("Cost centre"),
    "supplier": marked("Supplier"),
    "currency": marked("Currency"),
    "receipt_date": marked("Receipt date"),
    "reference": marked("Reference"),
    "warehouse": marked("Warehouse"),
    "item": marked("Item"),
    "cost_unit": marked("Cost unit"),
    "project": marked("Project"),
    "notes": marked("Notes"),
    "amount": marked("Amount"),
    "line": marked("Line"),
}
"""The values of an order, side by side."""

READ: Mapping[str, str] = {
    "number": marked("order number"),
    "id": marked("id"),
    "state": marked("state"),
    "revision": marked("revision"),
    "description": marked("description"),
    "order date": marked("order date"),
    "receipt date": marked("receipt date"),
    "payment condition": marked("payment condition"),
    "currency": marked("currency"),
    "total": marked("total"),
    "amount": marked("amount"),
    "quantity": marked("quantity"),
    "unit price": marked("unit price"),
    "VAT code": marked("VAT code"),
    "vendor name": marked("vendor name"),
    "vendor id": marked("vendor id"),
    "vendor code": marked("vendor code"),
    "cost_centre": marked("cost centre"),
    "cost_unit": marked("cost unit"),
    "project": marked("project"),
}
"""What is read of an order or a vendor in Airbase, as causes name it."""
