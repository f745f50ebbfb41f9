"""The table of Exact's error texts, in the four languages of its sites.

English and Dutch texts marked in the tests were seen in public traffic; the others are the
same terms in Exact's French and German. Patterns are matched on lower-cased text; the first
rule wins, so the narrow ones come first.
"""

import re
from enum import Enum

from msgspec import Struct


class Kind(Enum):
    """What the worker does about a text."""

    LATER = "later"
    REVIEW = "review"
    HALT = "halt"


class Rule(Struct, frozen=True):
    """One meaning: its code, what to do, and the texts (regular expressions) that carry it."""

    code: str
    kind: Kind
    patterns: tuple[str, ...]
    statuses: frozenset[int] = frozenset({400, 404, 500})
    concerns_division: bool = False

    def matches(self, text: str, status: int) -> bool:
        """Return whether Exact's text has this meaning."""
        return status in self.statuses and any(re.search(p, text) for p in self.patterns)


_ACCESS = frozenset({401, 403})
_SERVER = frozenset({500})


def _review(code: str, *patterns: str) -> Rule:
    return Rule(code, Kind.REVIEW, patterns)


def _halt(code: str, *patterns: str, concerns_division: bool = False) -> Rule:
    return Rule(code, Kind.HALT, patterns, _ACCESS, concerns_division)


_TEMPORARY = Rule(
    "EXACT_UNAVAILABLE",
    Kind.LATER,
    (
        r"problem has occurred.*investigated",
        r"probleem opgetreden|er is een (onverwachte )?fout opgetreden",
        r"un (problème|incident) (s'est produit|est survenu)|une erreur (inattendue )?"
        r"(s'est produite|est survenue)",
        r"ein (problem|unerwarteter fehler|fehler) ist aufgetreten|ist ein (problem|fehler) auf",
        r"unexpected error|internal server error|service unavailable|try again",
        r"time-?out|timed out|deadlock|object reference not set|tijdelijk|temporarily"
        r"|temporairement|vorübergehend",
    ),
    _SERVER,
)

RULES: tuple[Rule, ...] = (
    _TEMPORARY,
    _review(
        "EXACT_CALLBACK_FAILED", r"(call-?back|rückruf)[ -]url", r"url (de )?(call-?back|rappel)"
    ),
    _review(
        "EXACT_ALREADY_EXISTS",
        r"already exists?",
        r"bestaa(t|n) (al|reeds)",
        r"existe(nt)? déjà|déjà existante?s?",
        r"(bereits|schon) vorhanden|existier(t|en) (bereits|schon)",
    ),
    _review(
        "EXACT_FILTER_REQUIRED",
        r"mandatory filtering|must have a \$filter",
        r"\$filter parameter is not supported",
        r"add a \$select or a \$top",
    ),
    _review(
        "EXACT_NO_PURCHASE_PRICE",
        r"not found: purchase price",
        r"niet gevonden: inkoopprijs",
        r"(introuvable|non trouvée?|pas trouvée?) ?: prix d'achat",
        r"nicht gefunden: einkaufspreis",
    ),
    _review(
        "EXACT_NOT_A_PURCHASE_ITEM",
        r"mandatory: purchase\.?\s*$",
        r"verplicht: inkoop\.?\s*$",
        r"obligatoire ?: achats?\.?\s*$",
        r"(erforderlich|pflichtfeld|obligatorisch): einkauf\.?\s*$",
    ),
    _review(
        "EXACT_ITEM_INACTIVE",
        r"item: (inactive|not active|non-active)",
        r"artikel: (non|niet|in)[ -]?actief",
        r"article ?: (inactif|non actif)",
        r"artikel: (inaktiv|nicht aktiv)",
    ),
    _review(
        "EXACT_ITEM_FUTURE",
        r"item: future",
        r"artikel: toekomstig",
        r"article ?: futur",
        r"artikel: (zukünftig|künftig)",
    ),
    _review(
        "EXACT_ITEM_NOT_IN_WAREHOUSE",
        r"item and (the )?warehouse are not linked",
        r"artikel en het magazijn zijn niet gekoppeld",
        r"article et (le magasin|l'entrepôt) ne sont pas liés",
        r"artikel und das lager sind nicht (verknüpft|verbunden)",
    ),
    _review(
        "EXACT_ITEM_NOT_WITH_SUPPLIER",
        r"item and (the )?supplier are not linked",
        r"artikel en de leverancier zijn niet gekoppeld",
        r"article et le fournisseur ne sont pas liés",
        r"artikel und der lieferant sind nicht (verknüpft|verbunden)",
    ),
    _review(
        "EXACT_VAT_CODE_BLOCKED",
        r"blocked: vat code",
        r"geblokkeerd: btw[ -]code",
        r"bloquée? ?: code (de )?tva",
        r"(gesperrt|blockiert): (mwst|ust|umsatzsteuer)[.-]*(code|schlüssel|kennzeichen)",
    ),
    _review(
        "EXACT_INACTIVE",
        r": (inactive|not active)\b",
        r": (non|niet|in)[ -]?actief\b",
        r": (inactif|non actif)",
        r": (inaktiv|nicht aktiv)\b",
    ),
    _review(
        "EXACT_BLOCKED", r"blocked ?:", r"geblokkeerd:", r"bloquée? ?:", r"(gesperrt|blockiert):"
    ),
    _review(
        "EXACT_INVALID_REFERENCE",
        r"invalid reference",
        r"ongeldige (verwijzing|referentie)",
        r"référence (invalide|incorrecte|non valide)",
        r"(ungültige|falsche)r? (verweis|referenz|bezug)",
        r"converting value for property .* to type guid",
        r"^(not found|niet gevonden|introuvable|non trouvée?|nicht gefunden) ?:",
    ),
    _review(
        "EXACT_MANDATORY",
        r"mandatory ?:",
        r"verplicht ?:",
        r"obligatoire ?:",
        r"(erforderlich|pflichtfeld|obligatorisch) ?:",
    ),
    _review(
        "EXACT_INVALID",
        r"^invalid\b",
        r"^(ongeldig|onjuist)e?\b",
        r"^(invalide|incorrecte?|non valide)\b",
        r"^ungültige?[rs]?\b",
    ),
    _review(
        "EXACT_BAD_REQUEST",
        r"error processing request stream",
        r"error in query syntax",
        r"unrecognized 'edm\.",
    ),
    _halt("EXACT_SCOPE_MISSING", r"application scope violated"),
    _halt(
        "EXACT_DIVISION_NOT_ALLOWED",
        r"division is not within division scope",
        r"administratie .*(niet|buiten)",
        r"(dossier|administration|société) .*(pas|hors)",
        r"(administration|division|mandant) .*nicht",
        concerns_division=True,
    ),
    _halt(
        "EXACT_LICENCE",
        r"licen[cs]e|module",
        r"licentie",
        r"lizenz|modul\b",
    ),
)

_REASONS: dict[str, tuple[str, bool]] = {
    "blockeduser": ("EXACT_USER_BLOCKED", False),
    "inactiveuser": ("EXACT_USER_BLOCKED", False),
    "blockedcustomer": ("EXACT_CUSTOMER_BLOCKED", False),
    "licenseexpired": ("EXACT_LICENCE", False),
    "divisionblocked": ("EXACT_DIVISION_BLOCKED", True),
    "nodivisionaccess": ("EXACT_DIVISION_NOT_ALLOWED", True),
}
"""The `Reason` header of a 401 or 403, in lower case: code, and whether it is about a division."""

_RATE = re.compile(
    r"rate limit exceeded|too many requests"
    r"|limiet .*overschreden|te veel (aanvragen|verzoeken)"
    r"|limite .*(dépassée?|atteinte?)|trop de (demandes|requêtes)"
    r"|(limit|grenze) .*(überschritten|erreicht)|zu viele (anfragen|anforderungen)"
)

# A label and a colon ("Mandatory: Relationship"), unless the label is about the server.
_LABEL = re.compile(
    r"^(?!error|fout|erreur|fehler|exception|http|system)[^\W\d_][\w '/-]{1,40}: ?\S"
)
_BUSINESS_WORDS = re.compile(
    r"\b(mandatory|invalid|required|must|may not|not allowed|cannot|blocked|inactive|not found"
    r"|verplicht\w*|ongeldig\w*|moet|mag niet|niet (toegestaan|gevonden|gekoppeld|actief)"
    r"|geblokkeerd\w*|obligatoire\w*|invalide\w*|requise?|doit|introuvable|bloquée?"
    r"|pflicht\w*|erforderlich\w*|ungültig\w*|muss|darf nicht|nicht (erlaubt|gefunden|zulässig)"
    r"|gesperrt\w*)\b"
)


def rule_for(text: str, status: int) -> Rule | None:
    """Return the first rule that matches the text."""
    lower = text.lower()
    return next((rule for rule in RULES if rule.matches(lower, status)), None)


def reason_rule(reason: str) -> Rule | None:
    """Return the rule of a `Reason` header (`Name` or `Name: text`), if known."""
    found = _REASONS.get(reason.partition(":")[0].strip().lower())
    return _halt(found[0], concerns_division=found[1]) if found else None


def mentions_rate_limit(text: str) -> bool:
    """Return whether a refusal is about the rate limit, whatever its status."""
    return _RATE.search(text.lower()) is not None


def looks_like_business_error(text: str) -> bool:
    """Return whether an unknown text of a 500 is about the record and not about the server."""
    lines = text.lower().splitlines()
    return any(_LABEL.search(line) or _BUSINESS_WORDS.search(line) for line in lines)
