"""What the worker has read, in words: outcomes, evidence, kinds, categories and checks."""

from collections.abc import Mapping

from ml_connector.domain.reports import DeedOutcome
from ml_connector.languages.texts import Texts, marked

OUTCOMES: Mapping[str, str] = {
    "vendors": marked("Both lists were read again."),
    "mappings": marked("Airbase's values and Exact's reference data were read again."),
    "month": marked("The month was reconciled."),
    "ping": marked("Both systems were asked."),
    "order": marked("The order was read in Airbase."),
    "bills": marked("The vendor's bills were read in Airbase."),
    "consent": marked("The link for the consent was made."),
    "fetched": marked("The order %(order)s is on its way."),
    "vendor_accepted": marked("%(vendor)s is linked to %(supplier)s now."),
    "vendor_linked": marked("%(vendor)s is linked to %(supplier)s now."),
    "vendor_created": marked("%(vendor)s was created in Exact as %(supplier)s."),
    "vendor_rejected": marked("It is noted that %(vendor)s is not %(supplier)s."),
}
_FORWARD = ("vendor_accepted", "vendor_linked")

EVIDENCE: Mapping[str, str] = {
    "same external id": marked("Airbase names this account"),
    "same account code": marked("the same account code"),
    "same VAT number": marked("the same VAT number"),
    "same chamber of commerce number": marked("the same chamber of commerce number"),
    "same IBAN": marked("the same IBAN"),
    "same name": marked("the same name"),
    "similar name": marked("a similar name"),
    "several suppliers fit": marked("several suppliers fit"),
    "same code": marked("the same code"),
    "same cost account": marked("the same cost account"),
}

FIELDS: Mapping[str, str] = {
    "code": marked("Account code"),
    "name": marked("Name"),
    "vat_number": marked("VAT number"),
    "chamber_of_commerce": marked("Chamber of commerce"),
    "email": marked("E-mail"),
    "country": marked("Country"),
    "city": marked("City"),
}

PROGRESS: Mapping[str, str] = {
    "order": marked("Order"),
    "receipt": marked("Receipt"),
    "invoice": marked("Invoice"),
    "open": marked("open"),
    "partial": marked("partly done"),
    "complete": marked("complete"),
    "cancelled": marked("cancelled"),
}
"""How far an order has come in Exact."""

ENTERED: Mapping[str, str] = {
    "yes": marked("entered"),
    "no": marked("not entered yet"),
    "unknown": marked("Airbase does not say"),
}
"""Whether a bill is in Exact, as Airbase says."""

MARKS: Mapping[str, str] = {"equal": marked("equal"), "different": marked("different")}

KINDS: Mapping[str, str] = {
    "subsidiaries": marked("Subsidiary"),
    "gl_accounts": marked("GL account"),
    "items": marked("Item"),
    "cost_centres": marked("Cost centre"),
    "cost_units": marked("Cost unit"),
    "projects": marked("Project"),
    "vat_codes": marked("VAT code"),
    "payment_conditions": marked("Payment condition"),
    "suppliers": marked("Supplier"),
}

MAPPING_STATES: Mapping[str, str] = {
    "unmapped": marked("Not mapped"),
    "unusable": marked("Cannot be used"),
    "mapped": marked("Mapped"),
    "automatic": marked("By its own code or name"),
}

CATEGORIES: Mapping[str, str] = {
    "equal": marked("Posted and equal"),
    "different": marked("Posted and different"),
    "possible_duplicate": marked("Possible duplicates"),
    "not_compared": marked("Posted since Exact was read"),
    "waiting": marked("Waiting"),
    "set_aside": marked("Set aside"),
    "served_elsewhere": marked("Served elsewhere"),
    "missing": marked("Missing in Exact"),
    "only_in_exact": marked("Only in Exact"),
}

CHECKS: Mapping[str, str] = {
    "running": marked("Nothing is stopped"),
    "data_form": marked("Stored data"),
    "airbase_key": marked("Airbase's key"),
    "airbase_clock": marked("Airbase's clock"),
    "consent": marked("Exact's consent"),
    "token_stores": marked("Exact's tokens"),
    "contract": marked("Calls of the Exact contract today"),
    "user": marked("Exact's user"),
    "exact_clock": marked("Exact's clock"),
    "limits": marked("Calls left in the division"),
    "subscriptions": marked("Exact's notifications"),
    "airbase_order": marked("Orders of Airbase"),
    "airbase_rate": marked("Calls left in Airbase"),
    "airbase_vendor": marked("Vendors of Airbase"),
    "budget": marked("Calls of the division today"),
    "division": marked("The division itself"),
    "purchase_order": marked("Purchase orders of Exact"),
    "supplier": marked("Suppliers of Exact"),
    "package": marked("Licence for purchase orders"),
    "served_elsewhere": marked("Subsidiaries served elsewhere"),
    "vat_code": marked("VAT codes"),
    "webhook_calls": marked("Webhook calls"),
    "webhooks": marked("Airbase's webhooks"),
}


def outcome_in_words(texts: Texts, outcome: DeedOutcome) -> str:
    """Return what came of a request; why it was not done as it was kept."""
    values = outcome.values
    if not outcome.is_done:
        return str(values.get("why", ""))
    if outcome.request == "mappings_imported":
        return _import_in_words(texts, outcome)
    said = texts.say(OUTCOMES[outcome.request], **values)
    orders = int(values.get("orders") or 0)
    if outcome.request in _FORWARD and orders:
        on = texts.count("%(number)s order goes on.", "%(number)s orders go on.", orders)
        said = f"{said} {on}"
    return said


def evidence_in_words(texts: Texts, evidence: str) -> str:
    """Return one piece of evidence; what the page has no words for stays as it is."""
    return texts.say(EVIDENCE[evidence]) if evidence in EVIDENCE else evidence


def _import_in_words(texts: Texts, outcome: DeedOutcome) -> str:
    number, queued = int(outcome.values["number"]), int(outcome.values["queued"])
    if not number:
        return texts.say("The lines change nothing: everything is mapped like this already.")
    if outcome.values["is_dry"]:
        return texts.count(
            "Nothing is changed yet. %(number)s mapping would change.",
            "Nothing is changed yet. %(number)s mappings would change.",
            number,
        )
    said = texts.count(
        "%(number)s mapping was changed.", "%(number)s mappings were changed.", number
    )
    on = texts.count(
        "%(number)s order is looked at again.", "%(number)s orders are looked at again.", queued
    )
    return f"{said} {on}" if queued else said
