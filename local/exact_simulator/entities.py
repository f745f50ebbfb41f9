"""The endpoints beyond their fields: keys, references, filters, topics, limits."""

from collections.abc import Mapping

from local.exact_simulator.schema import Entity, EntityReference


def _gl(name: str) -> EntityReference:
    copies = {f"{name}Code": "Code", f"{name}Description": "Description"}
    return EntityReference("financial/GLAccounts", "G/L account", copies=copies)


def _vat(copied_to: str) -> EntityReference:
    return EntityReference("vat/VATCodes", "VAT code", "Code", {copied_to: "Description"})


_COST_CENTER = EntityReference(
    "hrm/Costcenters", "Cost center", "Code", {"CostCenterDescription": "Description"}
)
_COST_UNIT = EntityReference(
    "hrm/Costunits", "Cost unit", "Code", {"CostUnitDescription": "Description"}
)
_ITEM = EntityReference(
    "logistics/Items",
    "Item",
    copies={"ItemCode": "Code", "ItemDescription": "Description"},
)
_LINE = "purchaseorder/PurchaseOrderLines"
_ORDER = "purchaseorder/PurchaseOrders"

_ALL = (
    Entity(
        "crm/Accounts",
        "Crm accounts",
        topic="Accounts",
        deleted_type=2,
        unique=("Code",),
        required_filters=frozenset(
            [
                "ID",
                "Code",
                "Name",
                "SearchCode",
                "Modified",
                "Created",
                "IsSupplier",
                "Status",
                "VATNumber",
                "ChamberOfCommerce",
                "Email",
                "Blocked",
                "EndDate",
                "Country",
            ]
        ),
        sparse_answer=True,
        references={
            "GLAccountPurchase": EntityReference("financial/GLAccounts", "G/L account"),
            "GLAP": EntityReference("financial/GLAccounts", "G/L account"),
            "PurchaseVATCode": _vat("PurchaseVATCodeDescription"),
            "PaymentConditionPurchase": EntityReference(
                "cashflow/PaymentConditions",
                "Payment condition",
                "Code",
                {"PaymentConditionPurchaseDescription": "Description"},
            ),
        },
        defaults={
            "Blocked": False,
            "IsSupplier": False,
            "IsPurchase": True,
            "IsSales": False,
            "Status": "A",
            "Type": "A",
        },
        widths={
            "Code": 18,
            "Name": 50,
            "SearchCode": 30,
            "VATNumber": 20,
            "PurchaseCurrency": 3,
        },
        used_by=((_ORDER, "Supplier"), ("logistics/SupplierItem", "Supplier")),
    ),
    Entity(
        "financial/GLAccounts",
        "Financial generalledgers",
        topic="GLAccounts",
        deleted_type=7,
        unique=("Code",),
        references={
            "VATCode": _vat("VATDescription"),
            "Costcenter": EntityReference("hrm/Costcenters", "Cost center", "Code"),
            "Costunit": EntityReference("hrm/Costunits", "Cost unit", "Code"),
        },
        defaults={
            "IsBlocked": False,
            "UseCostcenter": 0,
            "UseCostunit": 0,
            "BalanceSide": "D",
            "BalanceType": "W",
            "Type": 121,
        },
        widths={"Code": 9, "Description": 60},
        used_by=(("logistics/Items", "GLCosts"), ("logistics/ItemGroups", "GLCosts")),
    ),
    Entity(
        "logistics/Items",
        "Logistics items",
        topic="Items",
        deleted_type=9,
        unique=("Code",),
        required_filters=frozenset(
            [
                "ID",
                "Code",
                "Barcode",
                "Modified",
                "Created",
                "Description",
                "ItemGroup",
                "IsPurchaseItem",
                "IsSalesItem",
                "IsStockItem",
                "StartDate",
                "EndDate",
                "SearchCode",
            ]
        ),
        sparse_answer=True,
        references={
            "GLCosts": _gl("GLCosts"),
            "GLRevenue": _gl("GLRevenue"),
            "GLStock": _gl("GLStock"),
            "ItemGroup": EntityReference(
                "logistics/ItemGroups",
                "Item group",
                copies={"ItemGroupCode": "Code", "ItemGroupDescription": "Description"},
            ),
            "Unit": EntityReference(
                "logistics/Units", "Unit", "Code", {"UnitDescription": "Description"}
            ),
            "SalesVatCode": _vat("SalesVatCodeDescription"),
        },
        defaults={
            "IsPurchaseItem": False,
            "IsSalesItem": False,
            "IsStockItem": False,
            "IsSubcontractedItem": False,
            "IsFractionAllowedItem": True,
        },
        widths={"Code": 30, "Description": 60},
        used_by=((_LINE, "Item"), ("logistics/SupplierItem", "Item")),
    ),
    Entity(
        "logistics/ItemGroups",
        "Logistics items",
        references={"GLCosts": _gl("GLCosts")},
    ),
    Entity(
        "logistics/SupplierItem",
        "Logistics items",
        deleted_type=30,
        unique=("Supplier", "Item"),
        required_filters=frozenset({"ID"}),
        references={
            "Item": _ITEM,
            "Supplier": EntityReference(
                "crm/Accounts",
                "Supplier",
                copies={"SupplierCode": "Code", "SupplierDescription": "Name"},
            ),
            "ItemUnit": EntityReference(
                "logistics/Units",
                "Unit",
                copies={"ItemUnitCode": "Code", "ItemUnitDescription": "Description"},
            ),
            "PurchaseUnit": EntityReference(
                "logistics/Units",
                "Unit",
                "Code",
                {"PurchaseUnitDescription": "Description"},
            ),
            "PurchaseVATCode": _vat("PurchaseVATCodeDescription"),
        },
        defaults={
            "PurchaseUnitFactor": 1.0,
            "PurchaseLotSize": 1,
            "MinimumQuantity": 0.0,
        },
        labels={
            "PurchasePrice": "Purchase price",
            "ItemUnit": "Unit",
            "PurchaseUnit": "Unit",
        },
    ),
    Entity("logistics/Units", "Logistics items"),
    Entity(
        "vat/VATCodes",
        "Financial accounting",
        unique=("Code",),
        defaults={
            "IsBlocked": False,
            "Type": "E",
            "VATTransactionType": "B",
            "Charged": False,
        },
        widths={"Code": 3, "Description": 60},
    ),
    Entity(
        "hrm/Costcenters",
        "Financial costcenters",
        unique=("Code",),
        defaults={"Active": True},
        widths={"Code": 8, "Description": 60},
        used_by=((_LINE, "CostCenter"),),
    ),
    Entity(
        "hrm/Costunits",
        "Financial costcenters",
        unique=("Code",),
        widths={"Code": 8, "Description": 60},
    ),
    Entity(
        "cashflow/PaymentConditions",
        "Financial cashflow",
        unique=("Code",),
        widths={"Code": 10, "Description": 60},
    ),
    Entity(
        "inventory/Warehouses",
        "Logistics inventory",
        unique=("Code",),
        widths={"Code": 8, "Description": 60},
    ),
    Entity("project/Projects", "Projects"),
    Entity(
        _ORDER,
        "Purchase orders",
        key="PurchaseOrderID",
        topic="PurchaseOrders",
        deleted_type=22,
        unique=("OrderNumber",),
        references={
            "Supplier": EntityReference(
                "crm/Accounts",
                "Supplier",
                copies={"SupplierCode": "Code", "SupplierName": "Name"},
            ),
            "Warehouse": EntityReference(
                "inventory/Warehouses",
                "Warehouse",
                copies={"WarehouseCode": "Code", "WarehouseDescription": "Description"},
            ),
            "PaymentCondition": EntityReference(
                "cashflow/PaymentConditions",
                "Payment condition",
                "Code",
                {"PaymentConditionDescription": "Description"},
            ),
        },
        defaults={
            "ApprovalStatus": 1,
            "DropShipment": False,
            "InvoiceStatus": 10,
            "OrderStatus": 10,
            "ReceiptStatus": 10,
            "Source": 11,
            "ExchangeRate": 1.0,
        },
        labels={
            "PurchaseOrderLines": "Lines",
            "YourRef": "Your ref.",
        },
        widths={
            "YourRef": 40,
            "Description": 60,
            "PaymentCondition": 10,
            "IncotermCode": 3,
        },
    ),
    Entity(
        _LINE,
        "Purchase orders",
        references={
            "Item": _ITEM,
            "CostCenter": _COST_CENTER,
            "CostUnit": _COST_UNIT,
            "VATCode": _vat("VATDescription"),
            "Project": EntityReference(
                "project/Projects",
                "Project",
                copies={"ProjectCode": "Code", "ProjectDescription": "Description"},
            ),
        },
        defaults={"InvoicedQuantity": 0.0, "ReceivedQuantity": 0.0, "Rebill": False},
        labels={"QuantityInPurchaseUnits": "Quantity"},
        widths={"Description": 60, "CostCenter": 8, "CostUnit": 8},
    ),
    Entity(
        "webhooks/WebhookSubscriptions",
        "Organization administration",
        unique=("Topic",),
        labels={"CallbackURL": "Callback URL"},
    ),
)

# Kept without rules of their own, except for mandatory fields; with the scope of each.
_PLAIN = {
    "crm/Addresses": "Crm accounts",
    "crm/BankAccounts": "Crm accounts",
    "crm/Contacts": "Crm accounts",
    "documents/DocumentAttachments": "Organization documents",
    "documents/Documents": "Organization documents",
    "financial/FinancialPeriods": "Financial accounting",
    "financial/GLAccountClassificationMappings": "Financial generalledgers",
    "financial/GLClassifications": "Financial generalledgers",
    "financial/Journals": "Financial generalledgers",
    "purchase/PurchaseInvoiceLines": "Purchase invoices",
    "purchase/PurchaseInvoices": "Purchase invoices",
    "purchaseentry/PurchaseEntries": "Financial accounting",
    "purchaseentry/PurchaseEntryLines": "Financial accounting",
    "purchaseorder/GoodsReceiptLines": "Logistics wms",
    "purchaseorder/GoodsReceipts": "Logistics wms",
    "sales/ShippingMethods": "Logistics inventory",
}
_KEYS = {"purchaseentry/PurchaseEntries": "EntryID"}
_TOPICS = {
    "crm/BankAccounts": "BankAccounts",
    "crm/Contacts": "Contacts",
    "documents/Documents": "Documents",
    "purchaseentry/PurchaseEntries": "PurchaseEntries",
}

ENTITIES: Mapping[str, Entity] = {entity.path: entity for entity in _ALL} | {
    path: Entity(path, scope, key=_KEYS.get(path, "ID"), topic=_TOPICS.get(path))
    for path, scope in _PLAIN.items()
}
