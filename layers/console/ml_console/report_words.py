"""What the worker has read, in words: outcomes, evidence, kinds, categories and checks."""

from collections.abc import Mapping

from ml_connector.domain.reports import Outcome
from ml_console.texts import Texts


def _marked(text: str) -> str:
    """Return the text; it is found here, and translated where it is shown."""
    return text


OUTCOMES: Mapping[str, str] = {
    "vendors": _marked("Both lists were read again."),
    "mappings": _marked("Airbase's values and Exact's reference data were read again."),
    "month": _marked("The month was reconciled."),
    "ping": _marked("Both systems were asked."),
    "order": _marked("The order was read in Airbase."),
    "vendor_accepted": _marked("%(vendor)s is linked to %(supplier)s now."),
    "vendor_linked": _marked("%(vendor)s is linked to %(supplier)s now."),
    "vendor_rejected": _marked("It is noted that %(vendor)s is not %(supplier)s."),
}
_FORWARD = ("vendor_accepted", "vendor_linked")

EVIDENCE: Mapping[str, str] = {
    "same external id": _marked("Airbase names this account"),
    "same account code": _marked("the same account code"),
    "same VAT number": _marked("the same VAT number"),
    "same chamber of commerce number": _marked("the same chamber of commerce number"),
    "same IBAN": _marked("the same IBAN"),
    "same name": _marked("the same name"),
    "similar name": _marked("a similar name"),
    "several suppliers fit": _marked("several suppliers fit"),
    "same code": _marked("the same code"),
    "same cost account": _marked("the same cost account"),
}

FIELDS: Mapping[str, str] = {
    "code": _marked("Account code"),
    "name": _marked("Name"),
    "vat_number": _marked("VAT number"),
    "chamber_of_commerce": _marked("Chamber of commerce"),
    "email": _marked("E-mail"),
    "country": _marked("Country"),
    "city": _marked("City"),
}

COMPARED: Mapping[str, str] = {
    "description": _marked("Description"),
    "order_date": _marked("Order date"),
    "payment_condition": _marked("Payment condition"),
    "sum": _marked("Sum of the lines"),
    "quantity": _marked("Quantity"),
    "unit_price": _marked("Unit price"),
    "vat_code": _marked("VAT code"),
    "cost_centre": _marked("Cost centre"),
}
"""The values of an order, side by side."""

PROGRESS: Mapping[str, str] = {
    "order": _marked("Order"),
    "receipt": _marked("Receipt"),
    "invoice": _marked("Invoice"),
    "open": _marked("open"),
    "partial": _marked("partly done"),
    "complete": _marked("complete"),
    "cancelled": _marked("cancelled"),
}
"""How far an order has come in Exact."""

MARKS: Mapping[str, str] = {"equal": _marked("equal"), "different": _marked("different")}

KINDS: Mapping[str, str] = {
    "subsidiaries": _marked("Subsidiary"),
    "gl_accounts": _marked("GL account"),
    "items": _marked("Item"),
    "cost_centres": _marked("Cost centre"),
    "cost_units": _marked("Cost unit"),
    "projects": _marked("Project"),
    "vat_codes": _marked("VAT code"),
    "payment_conditions": _marked("Payment condition"),
    "suppliers": _marked("Supplier"),
}

MAPPING_STATES: Mapping[str, str] = {
    "unmapped": _marked("Not mapped"),
    "unusable": _marked("Cannot be used"),
    "mapped": _marked("Mapped"),
    "automatic": _marked("By its own code or name"),
}

CATEGORIES: Mapping[str, str] = {
    "equal": _marked("Posted and equal"),
    "different": _marked("Posted and different"),
    "possible_duplicate": _marked("Possible duplicates"),
    "not_compared": _marked("Posted since Exact was read"),
    "waiting": _marked("Waiting"),
    "set_aside": _marked("Set aside"),
    "missing": _marked("Missing in Exact"),
    "only_in_exact": _marked("Only in Exact"),
}

CHECKS: Mapping[str, str] = {
    "running": _marked("Nothing is stopped"),
    "data_form": _marked("Stored data"),
    "airbase_key": _marked("Airbase's key"),
    "airbase_clock": _marked("Airbase's clock"),
    "consent": _marked("Exact's consent"),
    "token_stores": _marked("Exact's tokens"),
    "contract": _marked("Calls of the Exact contract today"),
    "user": _marked("Exact's user"),
    "exact_clock": _marked("Exact's clock"),
    "limits": _marked("Calls left in the division"),
    "subscriptions": _marked("Exact's notifications"),
}


def outcome_in_words(texts: Texts, outcome: Outcome) -> str:
    """Return what came of a request; why it was not done is told in the words that were kept."""
    values = outcome.values
    if not outcome.is_done:
        return str(values.get("why", ""))
    if outcome.request == "mappings_imported":
        return _import_in_words(texts, outcome)
    said = texts.say(OUTCOMES[outcome.request], **values)
    orders = int(values.get("orders") or 0)
    if outcome.request in _FORWARD and orders:
        on = texts.count("%(number)s order goes on.", "%(number)s orders go on.", orders)
        return f"{said} {on}"
    return said


def evidence_in_words(texts: Texts, evidence: str) -> str:
    """Return one piece of evidence; what the page has no words for stays as it is."""
    return texts.say(EVIDENCE[evidence]) if evidence in EVIDENCE else evidence


def _import_in_words(texts: Texts, outcome: Outcome) -> str:
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
