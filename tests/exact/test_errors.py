"""Every known text of Exact, in every language, becomes the right fault."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ml_connector import clock
from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.domain.faults import Fault, Halt, Later, Review, UnclearAnswer
from ml_connector.domain.ids import Division, Scope
from ml_connector.exact import error_texts as texts
from ml_connector.exact import errors
from ml_connector.exact.errors import ExactAnswer, SentRequest
from tests.site import SITE

NL = Division("nl.123456")
READ = SentRequest(NL, "crm/Accounts")
WRITE = SentRequest(NL, "purchaseorder/PurchaseOrders", is_write=True, record="PO-1043")
NOON = datetime(2026, 10, 26, 12, tzinfo=UTC)


def body(text: str) -> bytes:
    return json.dumps({"error": {"code": "", "message": {"lang": "", "value": text}}}).encode()


def fault(status: int, text: str = "", sent: SentRequest = WRITE, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return errors.interpret(ExactAnswer(status, named, body(text) if text else b""), sent)


BUSINESS = [
    # seen in public traffic
    (500, "Mandatory: Relationship\r\n", "EXACT_MANDATORY"),
    (500, "Invalid reference: Cost unit", "EXACT_INVALID_REFERENCE"),
    (500, "Gegeven bestaat reeds.", "EXACT_ALREADY_EXISTS"),
    (500, "Data already exists", "EXACT_ALREADY_EXISTS"),
    (500, "Invalid: VAT percentage []", "EXACT_INVALID"),
    (500, "Invalid: Email []", "EXACT_INVALID"),
    (500, "Mandatory: Diary", "EXACT_MANDATORY"),
    (500, "Invalid: Post to callback URL endpoint returns 503", "EXACT_CALLBACK_FAILED"),
    (500, "Invalid: Post to callback URL endpoint returns 500", "EXACT_CALLBACK_FAILED"),
    (500, "Niet gevonden: Inkoopprijs", "EXACT_NO_PURCHASE_PRICE"),
    (500, "Verplicht: Inkoop", "EXACT_NOT_A_PURCHASE_ITEM"),
    (500, "Artikel: Non actief", "EXACT_ITEM_INACTIVE"),
    (500, "Artikel: Toekomstig", "EXACT_ITEM_FUTURE"),
    (500, "Het artikel en het magazijn zijn niet gekoppeld.", "EXACT_ITEM_NOT_IN_WAREHOUSE"),
    (500, "Het artikel en de leverancier zijn niet gekoppeld", "EXACT_ITEM_NOT_WITH_SUPPLIER"),
    (500, "Geblokkeerd: Btw code", "EXACT_VAT_CODE_BLOCKED"),
    (
        400,
        "Error processing request stream. The request should be a valid top-level resource object.",
        "EXACT_BAD_REQUEST",
    ),
    (400, "Error in query syntax.", "EXACT_BAD_REQUEST"),
    (400, "Unrecognized 'Edm.Guid' literal 'guid'dsadsds'' in '6'.", "EXACT_BAD_REQUEST"),
    (
        400,
        "Error in converting value for property Supplier to type Guid",
        "EXACT_INVALID_REFERENCE",
    ),
    (
        400,
        "This endpoint has mandatory filtering applied. A GET request for this endpoint must "
        "have a $filter parameter with one of the following fields in the url: ID, Code",
        "EXACT_FILTER_REQUIRED",
    ),
    (
        400,
        "This $filter parameter is not supported for this resource (truncated",
        "EXACT_FILTER_REQUIRED",
    ),
    (
        400,
        "Please add a $select or a $top=1 statement to the query string.",
        "EXACT_FILTER_REQUIRED",
    ),
    # the same in the other languages
    (500, "Verplicht: Relatie", "EXACT_MANDATORY"),
    (500, "Obligatoire : Relation", "EXACT_MANDATORY"),
    (500, "Pflichtfeld: Beziehung", "EXACT_MANDATORY"),
    (500, "Erforderlich: Beziehung", "EXACT_MANDATORY"),
    (500, "Ongeldige verwijzing: Kostendrager", "EXACT_INVALID_REFERENCE"),
    (500, "Référence non valide: Unité de coût", "EXACT_INVALID_REFERENCE"),
    (500, "Ungültiger Verweis: Kostenträger", "EXACT_INVALID_REFERENCE"),
    (500, "Les données existent déjà.", "EXACT_ALREADY_EXISTS"),
    (500, "Daten sind bereits vorhanden.", "EXACT_ALREADY_EXISTS"),
    (500, "Ongeldig: Btw-percentage []", "EXACT_INVALID"),
    (500, "Non valide: Adresse e-mail", "EXACT_INVALID"),
    (500, "Ungültig: E-Mail []", "EXACT_INVALID"),
    (500, "Not found: Purchase price", "EXACT_NO_PURCHASE_PRICE"),
    (500, "Introuvable : Prix d'achat", "EXACT_NO_PURCHASE_PRICE"),
    (500, "Nicht gefunden: Einkaufspreis", "EXACT_NO_PURCHASE_PRICE"),
    (500, "Mandatory: Purchase", "EXACT_NOT_A_PURCHASE_ITEM"),
    (500, "Obligatoire: Achat", "EXACT_NOT_A_PURCHASE_ITEM"),
    (500, "Pflichtfeld: Einkauf", "EXACT_NOT_A_PURCHASE_ITEM"),
    (500, "Item: Inactive", "EXACT_ITEM_INACTIVE"),
    (500, "Article: Inactif", "EXACT_ITEM_INACTIVE"),
    (500, "Artikel: Inaktiv", "EXACT_ITEM_INACTIVE"),
    (500, "Item: Future", "EXACT_ITEM_FUTURE"),
    (500, "Article: Futur", "EXACT_ITEM_FUTURE"),
    (500, "Artikel: Zukünftig", "EXACT_ITEM_FUTURE"),
    (500, "The item and the warehouse are not linked.", "EXACT_ITEM_NOT_IN_WAREHOUSE"),
    (500, "L'article et le magasin ne sont pas liés.", "EXACT_ITEM_NOT_IN_WAREHOUSE"),
    (500, "Der Artikel und das Lager sind nicht verknüpft.", "EXACT_ITEM_NOT_IN_WAREHOUSE"),
    (500, "The item and the supplier are not linked", "EXACT_ITEM_NOT_WITH_SUPPLIER"),
    (500, "L'article et le fournisseur ne sont pas liés", "EXACT_ITEM_NOT_WITH_SUPPLIER"),
    (500, "Der Artikel und der Lieferant sind nicht verknüpft", "EXACT_ITEM_NOT_WITH_SUPPLIER"),
    (500, "Blocked: VAT code", "EXACT_VAT_CODE_BLOCKED"),
    (500, "Bloqué: Code TVA", "EXACT_VAT_CODE_BLOCKED"),
    (500, "Gesperrt: MwSt-Code", "EXACT_VAT_CODE_BLOCKED"),
    (500, "Ongeldig: Post naar callback-URL geeft 500", "EXACT_CALLBACK_FAILED"),
    (500, "Invalide : l'URL de rappel répond 500", "EXACT_CALLBACK_FAILED"),
    (500, "Ungültig: Rückruf-URL antwortet mit 500", "EXACT_CALLBACK_FAILED"),
    (500, "Verplicht: Dagboek", "EXACT_MANDATORY"),
    (500, "Ongeldig: E-mail []", "EXACT_INVALID"),
    (500, "Incorrect : Taux de TVA []", "EXACT_INVALID"),
    (500, "Ungültig: MwSt.-Prozentsatz []", "EXACT_INVALID"),
    (500, "Les données existent déjà", "EXACT_ALREADY_EXISTS"),
    (500, "Die Daten existieren bereits.", "EXACT_ALREADY_EXISTS"),
    (500, "Relatie bestaat al", "EXACT_ALREADY_EXISTS"),
    (500, "Artikel: Niet actief", "EXACT_ITEM_INACTIVE"),
    (500, "Verplicht: inkoop.", "EXACT_NOT_A_PURCHASE_ITEM"),
    (500, "Het artikel en het magazijn zijn niet gekoppeld", "EXACT_ITEM_NOT_IN_WAREHOUSE"),
    (500, "L'article et l'entrepôt ne sont pas liés.", "EXACT_ITEM_NOT_IN_WAREHOUSE"),
    (500, "Bloqué : Code de TVA", "EXACT_VAT_CODE_BLOCKED"),
    (500, "Gesperrt: USt-Schlüssel", "EXACT_VAT_CODE_BLOCKED"),
    (500, "Blocked: Supplier", "EXACT_BLOCKED"),
    (500, "Bloqué : Fournisseur", "EXACT_BLOCKED"),
    (500, "Gesperrt: Lieferant", "EXACT_BLOCKED"),
    (500, "Ongeldige referentie: Kostenplaats", "EXACT_INVALID_REFERENCE"),
    (500, "Niet gevonden: Artikel", "EXACT_INVALID_REFERENCE"),
    (500, "Introuvable : Article", "EXACT_INVALID_REFERENCE"),
    (500, "Nicht gefunden: Artikel", "EXACT_INVALID_REFERENCE"),
    (500, "Geblokkeerd: Grootboekrekening", "EXACT_BLOCKED"),
    (500, "Supplier: Not active", "EXACT_INACTIVE"),
    (500, "Leverancier: Non actief", "EXACT_INACTIVE"),
    (500, "Lieferant: Nicht aktiv", "EXACT_INACTIVE"),
    (500, "Fournisseur : Inactif", "EXACT_INACTIVE"),
    # not in the table, but clearly about the record
    (500, "Purchase order: Approval needed by somebody", "EXACT_REFUSED"),
    (500, "De periode mag niet worden gebruikt", "EXACT_REFUSED"),
    (500, "La période doit être ouverte", "EXACT_REFUSED"),
    (500, "Die Periode darf nicht verwendet werden", "EXACT_REFUSED"),
    (400, "An unknown text", "EXACT_BAD_REQUEST"),
    (404, "", "EXACT_NOT_FOUND"),
    (405, "", "EXACT_BAD_REQUEST"),
]


@pytest.mark.parametrize(("status", "text", "code"), BUSINESS)
def test_a_refusal_is_reviewed_with_its_text(status: int, text: str, code: str) -> None:
    found = fault(status, text)
    assert isinstance(found, Review)
    (problem,) = found.problems
    assert (problem.code, problem.record) == (code, "PO-1043")
    assert text.strip() in problem.cause
    assert problem.remedy


def test_joined_refusals_are_split() -> None:
    joined = "Mandatory: Relationship\r\nInvalid reference: Cost unit\r\nMandatory: Diary"
    found = fault(500, joined)
    assert isinstance(found, Review)
    codes = [p.code for p in found.problems]
    assert codes == ["EXACT_MANDATORY", "EXACT_INVALID_REFERENCE", "EXACT_MANDATORY"]


GENERIC = [
    "A problem has occurred. The cause of this issue will be investigated as soon as possible.",
    "Er is een probleem opgetreden. De oorzaak wordt zo spoedig mogelijk onderzocht.",
    "Un problème s'est produit.",
    "Ein Problem ist aufgetreten.",
    "Object reference not set to an instance of an object.",
    "Invalid operation: Timeout expired.",
    "Internal Server Error",
    "",
]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 599])
@pytest.mark.parametrize("text", GENERIC)
@pytest.mark.parametrize("sent", [READ, WRITE])
def test_a_temporary_fault_leaves_the_outcome_of_a_write_unknown(
    status: int, text: str, sent: SentRequest
) -> None:
    found = fault(status, text, sent)
    assert isinstance(found, Later)
    assert found.code == "EXACT_UNAVAILABLE"
    assert found.outcome_unknown is sent.is_write
    assert clock.now() < found.until <= clock.now() + timedelta(minutes=15, seconds=1)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_the_text_of_a_502_is_never_a_business_error(status: int) -> None:
    assert isinstance(fault(status, "Mandatory: Relationship"), Later)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"<html>oops</html>", b"[" * 100_000, b"null"])
def test_an_unreadable_500_is_a_temporary_fault(raw: bytes) -> None:
    assert isinstance(errors.interpret(ExactAnswer(500, {}, raw), WRITE), Later)


def test_an_xml_error_is_read() -> None:
    raw = b"<error><code/><message xml:lang=''>Gegeven bestaat reeds.</message></error>"
    found = errors.interpret(ExactAnswer(500, {}, raw), WRITE)
    assert isinstance(found, Review)
    assert found.problems[0].code == "EXACT_ALREADY_EXISTS"


FORBIDDEN = [
    ("Forbidden", "", "EXACT_FORBIDDEN", NL),
    ("", "", "EXACT_FORBIDDEN", NL),
    (
        "Forbidden - User division is not within division scope.",
        "",
        "EXACT_DIVISION_NOT_ALLOWED",
        NL,
    ),
    (
        "Forbidden - Application Scope Violated. Cannot read 'organization.administration' scope.",
        "",
        "EXACT_SCOPE_MISSING",
        SITE,
    ),
    ("", "BlockedUser", "EXACT_USER_BLOCKED", SITE),
    ("", "InactiveUser", "EXACT_USER_BLOCKED", SITE),
    ("", "BlockedCustomer", "EXACT_CUSTOMER_BLOCKED", SITE),
    ("", "LicenseExpired", "EXACT_LICENCE", SITE),
    ("Forbidden", "DivisionBlocked: Division is blocked", "EXACT_DIVISION_BLOCKED", NL),
    ("Forbidden", "NoDivisionAccess", "EXACT_DIVISION_NOT_ALLOWED", NL),
    ("Geen licentie voor deze module", "", "EXACT_LICENCE", SITE),
    ("Keine Lizenz für dieses Modul", "", "EXACT_LICENCE", SITE),
    ("", "SomethingNew", "EXACT_FORBIDDEN", NL),
]


@pytest.mark.parametrize(("text", "reason", "code", "scope"), FORBIDDEN)
def test_403_halts_the_site_or_the_division(
    text: str, reason: str, code: str, scope: Scope
) -> None:
    found = fault(403, text, Reason=reason)
    assert isinstance(found, Halt)
    assert (found.problem.code, found.scope) == (code, scope)
    assert reason in found.problem.cause


RATE = [
    "API rate limit exceeded",
    "De limiet van het aantal aanroepen is overschreden",
    "La limite des appels est dépassée",
    "Das Limit der Aufrufe wurde überschritten",
]


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("text", RATE)
def test_a_rate_limit_refusal_waits_with_any_status(status: int, text: str) -> None:
    found = fault(status, text)
    assert isinstance(found, Later)
    assert found.code == "EXACT_RATE_LIMITED"
    assert found.until >= NOON + timedelta(minutes=1)
    assert not found.outcome_unknown


def test_the_raw_answer_is_kept_as_evidence() -> None:
    found = fault(500, "Mandatory: Relationship\r\nMandatory: Diary", X_Request_Id="r-77")
    assert isinstance(found, Review)
    for problem in found.problems:
        assert (problem.evidence["status"], problem.evidence["request_id"]) == (500, "r-77")
        assert "Mandatory: Relationship" in problem.evidence["answer"]


def test_evidence_is_short_and_without_secrets_and_headers() -> None:
    words = 'Invalid: x "access_token": "canary-4711-4711" \x1b[31m' + "é" * 5_000
    found = fault(500, words, Authorization="canary-header", Set_Cookie="canary-cookie")
    assert isinstance(found, Review)
    kept = json.dumps(found.problems[0].as_dict(), ensure_ascii=False)
    assert len(found.problems[0].evidence["answer"]) <= 2_000
    assert "canary" not in kept
    assert "\x1b" not in found.problems[0].evidence["answer"]


def test_the_words_of_other_json_are_kept_without_secrets() -> None:
    raw = b'{"note": "{\\"refresh_token\\": \\"canary-4711-4711\\"}", "why": "closed"}'
    found = errors.interpret(ExactAnswer(400, {}, raw), WRITE)
    assert isinstance(found, Later)
    assert "closed" in found.cause
    assert "canary" not in found.cause


def test_an_empty_answer_is_no_evidence() -> None:
    found = fault(404)
    assert isinstance(found, Review)
    assert set(found.problems[0].evidence) == {"status", "endpoint", "division"}


def test_401_halts_with_a_reason_and_waits_without_one() -> None:
    blocked = fault(401, Reason="BlockedUser")
    assert isinstance(blocked, Halt)
    plain = fault(401)
    assert isinstance(plain, Later)
    assert not plain.outcome_unknown, "a refused call was not carried out"


def ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


MINUTE_FULL = {
    "X_RateLimit_Minutely_Limit": "60",
    "X_RateLimit_Minutely_Remaining": "0",
    "X_RateLimit_Minutely_Reset": ms(NOON + timedelta(minutes=1)),
}
DAY_FULL = {
    "X_RateLimit_Limit": "5000",
    "X_RateLimit_Remaining": "0",
    "X_RateLimit_Reset": ms(NOON + timedelta(hours=12)),
}


@pytest.mark.parametrize(
    ("headers", "code", "until"),
    [
        (MINUTE_FULL, "EXACT_MINUTE_LIMIT", NOON + timedelta(minutes=1)),
        (DAY_FULL, "EXACT_DAY_LIMIT", NOON + timedelta(hours=12)),
        (DAY_FULL | MINUTE_FULL, "EXACT_DAY_LIMIT", NOON + timedelta(hours=12)),
        (
            MINUTE_FULL | DAY_FULL | {"X_RateLimit_Remaining": "10"},
            "EXACT_MINUTE_LIMIT",
            NOON + timedelta(minutes=1),
        ),
        # a stale counter: the set that is sent still identifies the limit
        (
            MINUTE_FULL | {"X_RateLimit_Minutely_Remaining": "49"},
            "EXACT_MINUTE_LIMIT",
            NOON + timedelta(minutes=1),
        ),
        # a reset in the past: the server's clock is wrong
        (
            MINUTE_FULL | {"X_RateLimit_Minutely_Reset": ms(NOON - timedelta(seconds=245))},
            "EXACT_MINUTE_LIMIT",
            NOON + timedelta(minutes=1),
        ),
        (
            DAY_FULL | {"X_RateLimit_Reset": "garbage"},
            "EXACT_DAY_LIMIT",
            NOON + timedelta(hours=12),
        ),
    ],
)
def test_429_waits_for_the_servers_reset(
    headers: dict[str, str], code: str, until: datetime
) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = errors.interpret(ExactAnswer(429, named, b""), WRITE)
    assert isinstance(found, Later)
    assert (found.code, found.until) == (code, until)
    assert not found.outcome_unknown


@pytest.mark.parametrize("failures", [0, 1, 5, 50])
def test_429_without_headers_backs_off_beyond_the_minute(failures: int) -> None:
    sent = SentRequest(NL, "crm/Accounts", failures=failures)
    waits = [errors.interpret(ExactAnswer(429, {}, b""), sent) for _ in range(50)]
    untils = [later.until for later in waits if isinstance(later, Later)]
    assert len(untils) == 50
    least = NOON + timedelta(minutes=1)
    assert all(least <= until <= least + timedelta(hours=1) for until in untils)
    assert len(set(untils)) > 40, "full jitter"


def test_retry_after_is_followed() -> None:
    found = fault(429, Retry_After="7")
    assert isinstance(found, Later)
    assert found.until == NOON + timedelta(seconds=7)


@pytest.mark.parametrize(
    ("status", "text", "counts"),
    [
        (400, "x", True),
        (401, "", True),
        (403, "", True),
        (404, "", True),
        (500, "Mandatory: Item", True),
        (500, "", True),
        (503, "", False),
        (429, "", False),
        (408, "", False),
        (200, "", False),
    ],
)
def test_what_counts_against_the_hourly_limit(status: int, text: str, counts: bool) -> None:
    assert errors.counts_as_error(ExactAnswer(status, {}, body(text))) is counts


def test_every_code_of_the_table_is_explained() -> None:
    assert {rule.code for rule in texts.RULES} <= set(CATALOGUE)


# ---------------------------------------------------------------- other forms and encodings

SAID = "Gegeven bestaat reeds."
FORMS = {
    "Exact's own": json.dumps({"error": {"code": "", "message": {"lang": "", "value": SAID}}}),
    "odata.error": json.dumps({"odata.error": {"code": "", "message": {"value": SAID}}}),
    "a message": json.dumps({"Message": SAID}),
    "a list of errors": json.dumps({"errors": [{"message": SAID}]}),
    "a description": json.dumps({"error": "invalid", "error_description": SAID}),
    "XML": f"<?xml version='1.0'?><error><code/><message xml:lang=''>{SAID}</message></error>",
    "XML with a prefix": f'<m:error xmlns:m="x"><m:message>{SAID}</m:message></m:error>',
    "XML with a section": f"<error><message><![CDATA[{SAID}]]></message></error>",
    "plain text": SAID,
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", FORMS)
def test_the_words_of_an_error_are_found_in_each_form(form: str, encoding: str) -> None:
    raw = FORMS[form].encode(encoding)
    found = errors.interpret(ExactAnswer(500, {}, raw), WRITE)
    assert isinstance(found, Review)
    assert found.problems[0].code == "EXACT_ALREADY_EXISTS"
    assert SAID in found.problems[0].cause


PAGES = {
    "a page": (b"<html><head><title>Request blocked</title></head></html>", "Request blocked"),
    "a page with a type": (b"<!DOCTYPE html>\r\n<html><h1>Not Found</h1></html>", "Not Found"),
    "a page in UTF-16": ("<html><h1>Forbidden</h1></html>".encode("utf-16"), "Forbidden"),
    "a text of a proxy": (b"upstream connect error", "upstream connect error"),
    "other JSON": (b'{"code": 1020, "ray": "8c"}', "8c"),
}


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 451])
@pytest.mark.parametrize("page", PAGES)
def test_a_refusal_that_is_not_exacts_says_nothing_about_the_record(page: str, status: int) -> None:
    raw, said = PAGES[page]
    found = errors.interpret(ExactAnswer(status, {}, raw), WRITE)
    assert isinstance(found, Later)
    assert (found.code, found.outcome_unknown) == ("EXACT_OTHER_ANSWER", True)
    assert said in found.cause
    assert found.answer == UnclearAnswer(status, said)


def test_a_page_with_the_words_of_an_error_is_no_refusal_of_the_record() -> None:
    page = b"<html><h1>Mandatory: Supplier</h1></html>"
    found = errors.interpret(ExactAnswer(500, {}, page), WRITE)
    assert isinstance(found, Later)
    assert found.outcome_unknown


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_empty_refusal_is_exacts(status: int) -> None:
    assert not isinstance(fault(status), Later)
