"""Business errors in the languages of Exact's users.

Exact publishes no list. Known texts are verbatim; the others follow the same pattern.
"""

from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = {
    "EN": "en-US",
    "NL": "nl-NL",
    "DE": "de-DE",
    "FR": "fr-FR",
}

_ORDER = ("EN", "NL", "DE", "FR")

_TEXTS: Mapping[str, tuple[str, str, str, str]] = {
    "mandatory": (
        "Mandatory: {}\r\n",
        "Verplicht: {}\r\n",
        "Obligatorisch: {}\r\n",
        "Obligatoire : {}\r\n",
    ),
    "invalid": (
        "Invalid: {}\r\n",
        "Ongeldig: {}\r\n",
        "Ungültig: {}\r\n",
        "Non valide : {}\r\n",
    ),
    "invalid_reference": (
        "Invalid reference: {}\r\n",
        "Ongeldige verwijzing: {}\r\n",
        "Ungültige Referenz: {}\r\n",
        "Référence non valide : {}\r\n",
    ),
    "too_long": (
        "Invalid: {} - Too many characters\r\n",
        "Ongeldig: {} - Te veel tekens\r\n",
        "Ungültig: {} - Zu viele Zeichen\r\n",
        "Non valide : {} - Trop de caractères\r\n",
    ),
    "exists": (
        "Data already exists.",
        "Gegeven bestaat reeds.",
        "Daten sind bereits vorhanden.",
        "La donnée existe déjà.",
    ),
    "blocked": ("Blocked: {}", "Geblokkeerd: {}", "Gesperrt: {}", "Bloqué : {}"),
    "inactive": ("{}: Not active", "{}: Non actief", "{}: Nicht aktiv", "{} : Inactif"),
    "future": ("{}: Future", "{}: Toekomstig", "{}: Zukünftig", "{} : Futur"),
    "not_found": (
        "Not found: {}",
        "Niet gevonden: {}",
        "Nicht gefunden: {}",
        "Introuvable : {}",
    ),
    "not_linked": (
        "The item and the supplier are not linked",
        "Het artikel en de leverancier zijn niet gekoppeld",
        "Der Artikel und der Lieferant sind nicht verknüpft",
        "L'article et le fournisseur ne sont pas liés",
    ),
    "warehouse_not_linked": (
        "The item and the warehouse are not linked.",
        "Het artikel en het magazijn zijn niet gekoppeld.",
        "Der Artikel und das Lager sind nicht verknüpft.",
        "L'article et l'entrepôt ne sont pas liés.",
    ),
    "in_use": (
        "Cannot delete: {} is in use",
        "Kan niet verwijderen: {} is in gebruik",
        "Löschen nicht möglich: {} wird verwendet",
        "Suppression impossible : {} est utilisé",
    ),
    "not_allowed": (
        "Not allowed: {}",
        "Niet toegestaan: {}",
        "Nicht erlaubt: {}",
        "Non autorisé : {}",
    ),
    "callback": ("Invalid: Post to callback URL endpoint returns {}",) * 4,
    "generic": (
        "A problem has occurred. The cause of this issue will be investigated as soon as possible.",
        "Er is een probleem opgetreden. De oorzaak wordt zo snel mogelijk onderzocht.",
        "Es ist ein Problem aufgetreten. Die Ursache wird so bald wie möglich untersucht.",
        "Un problème est survenu. La cause sera recherchée dès que possible.",
    ),
}

_LABELS: Mapping[str, tuple[str, str, str, str]] = {
    "Supplier": ("Supplier", "Leverancier", "Lieferant", "Fournisseur"),
    "Relationship": ("Relationship", "Relatie", "Beziehung", "Relation"),
    "Item": ("Item", "Artikel", "Artikel", "Article"),
    "Purchase": ("Purchase", "Inkoop", "Einkauf", "Achat"),
    "Purchase price": (
        "Purchase price",
        "Inkoopprijs",
        "Einkaufspreis",
        "Prix d'achat",
    ),
    "Quantity": ("Quantity", "Aantal", "Menge", "Quantité"),
    "Lines": ("Lines", "Regels", "Zeilen", "Lignes"),
    "Line": ("Line", "Regel", "Zeile", "Ligne"),
    "Unit": ("Unit", "Eenheid", "Einheit", "Unité"),
    "Cost center": ("Cost center", "Kostenplaats", "Kostenstelle", "Centre de coûts"),
    "Cost unit": ("Cost unit", "Kostendrager", "Kostenträger", "Unité de coût"),
    "VAT code": ("VAT code", "Btw code", "USt.-Code", "Code TVA"),
    "G/L account": ("G/L account", "Grootboekrekening", "Sachkonto", "Compte général"),
    "Payment condition": (
        "Payment condition",
        "Betalingsconditie",
        "Zahlungsbedingung",
        "Condition de paiement",
    ),
    "Warehouse": ("Warehouse", "Magazijn", "Lager", "Entrepôt"),
    "Currency": ("Currency", "Valuta", "Währung", "Devise"),
    "Project": ("Project", "Project", "Projekt", "Projet"),
    "Item group": ("Item group", "Artikelgroep", "Artikelgruppe", "Groupe d'articles"),
    "Purchase order": (
        "Purchase order",
        "Inkooporder",
        "Bestellung",
        "Commande fournisseur",
    ),
    "Code": ("Code", "Code", "Code", "Code"),
    "Name": ("Name", "Naam", "Name", "Nom"),
    "Description": ("Description", "Omschrijving", "Beschreibung", "Description"),
    "Your ref.": ("Your ref.", "Uw ref.", "Ihr Zeichen", "Votre réf."),
}


def say(language: str, code: str, label: str = "") -> str:
    """Return the text of `code` about `label` in a language of `LANGUAGES`."""
    position = _ORDER.index(language)
    name = _LABELS[label][position] if label in _LABELS else label
    return _TEXTS[code][position].format(name)
