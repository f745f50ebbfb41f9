"""How one customer's Airbase speaks: everything Airbase does not publish, as settings.

Airbase has no public purchase-order API and no documented webhook signature. The defaults here
are our assumption, modelled on the accounting API's objects; a customer whose tenant differs
gets another profile in the connection file, not other code.
"""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ml_connector.money import MoneyForm
from ml_connector.words import Outcome, State


def _compiles(expression: str) -> str:
    try:
        jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(f"not a JMESPath expression: {error}") from None
    return expression


def _zone_exists(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"unknown time zone {name!r}") from None
    return name


def _takes_an_id(path: str) -> str:
    try:
        if path.format(id="x") == path.format(id="y"):
            raise ValueError
    except (KeyError, IndexError, ValueError):
        raise ValueError("the path needs {id}, and nothing else in braces") from None
    return path


Path = Annotated[str, AfterValidator(_compiles)]
"""A JMESPath expression into Airbase's JSON."""

IdPath = Annotated[str, AfterValidator(_takes_an_id)]
"""The path of one object, with `{id}` in it."""


ListingPath = Annotated[str | None, BeforeValidator(lambda path: path or None)]
"""The path of a listing; None, or empty where a file has no null, when there is none."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class HmacVerification(_Strict):
    """A signature header over the raw body, or over `{timestamp}.{raw body}`."""

    scheme: Literal["hmac"] = "hmac"
    header: str = "X-Airbase-Signature"
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = "sha256="
    timestamp_header: str | None = None


class StandardWebhooks(_Strict):
    """The Standard Webhooks headers: webhook-id, webhook-timestamp, webhook-signature."""

    scheme: Literal["standard_webhooks"] = "standard_webhooks"


class SharedHeader(_Strict):
    """A secret sent as it is in a header; with `Authorization` also basic auth."""

    scheme: Literal["shared_header"] = "shared_header"
    header: str


class UrlSecret(_Strict):
    """A secret in the query string of the webhook URL."""

    scheme: Literal["url_secret"] = "url_secret"
    parameter: str = "secret"


class NoVerification(_Strict):
    """Nothing: only the order id in the body is used, and all else refetched."""

    scheme: Literal["none"] = "none"


Verification = Annotated[
    HmacVerification | StandardWebhooks | SharedHeader | UrlSecret | NoVerification,
    Field(discriminator="scheme"),
]


# `map` and not a projection: tags that are no list are an error, not silently none.
_TAGS = "map(&{{dimension: type_label, code: erp_reference_id, name: name}}, {} || `[]`)"


class LineMap(_Strict):
    """Where a line (Airbase: a category split) keeps what we need; relative to the line."""

    description: Path = "description"
    gl_account: Path = (
        "account.{id: airbase_id, code: account_number || erp_reference_id, name: name}"
    )
    amount: Path = "amount"
    quantity: Path = "quantity"
    unit_price: Path = "unit_price"
    vat_code: Path = "tax_code"
    receipt_date: Path = "expected_date"
    tags: Path = _TAGS.format("tags")


class OrderMap(_Strict):
    """Where an order keeps what we need; relative to the order."""

    id: Path = "id"
    number: Path = "number"
    state: Path = "status"
    outcome: Path = "outcome"
    revision: Path = "revision"
    subsidiary: Path = "subsidiary.{id: airbase_id, code: erp_reference_id, name: name}"
    vendor: Path = "vendor.{id: airbase_id, code: erp_reference_id, name: name}"
    currency: Path = "currency.iso_code"
    total: Path = "total_amount"
    description: Path = "notes"
    order_date: Path = "approved_date"
    receipt_date: Path = "expected_date"
    payment_condition: Path = "payment_term"
    tags: Path = _TAGS.format("transaction_tags")
    lines: Path = "expense_list"
    line: LineMap = Field(default_factory=LineMap)


class VendorMap(_Strict):
    """Where a vendor keeps what we need; relative to the vendor."""

    id: Path = "airbase_id"
    code: Path = "erp_reference_id"
    name: Path = "name"
    is_active: Path = "is_active"
    email: Path = "email"
    vat_number: Path = "vat_number"
    chamber_of_commerce: Path = "chamber_of_commerce"
    iban: Path = "iban"
    country: Path = "country"
    city: Path = "city"


class BillMap(_Strict):
    """Where a ledger entry keeps what we show of a bill; relative to the entry."""

    id: Path = "airbase_id || id"
    type: Path = "type"
    status: Path = "status"
    vendor: Path = "vendor.airbase_id"
    number: Path = "invoice_number"
    date: Path = "entry_date"
    currency: Path = "currency.iso_code"
    total: Path = "total_amount"
    erp_reference: Path = "erp_reference_id"


class AirbaseProfile(_Strict):
    """One tenant's way of speaking. Paths take `{id}`; the trailing slash matters to Airbase."""

    auth_scheme: str = "Token"
    """Word before the key in `auth_header`; empty for the bare key."""
    auth_header: str = "Authorization"
    order_path: IdPath = "/v1/purchase_orders/{id}/"
    orders_path: ListingPath = "/v1/purchase_orders/"
    """None when the tenant has no listing: approvals whose webhook never came are not found."""
    orders_query: dict[str, str] = {}
    """Further query parameters of the listing, such as a status filter."""
    orders_sorting: Literal["unknown", "recently_changed_first"] = "unknown"
    """`unknown`: every page is read. Else reading stops at a page on which nothing is new."""
    orders_compared: Path = "@"
    """What of a listed order tells that it changed; the whole of it unless said otherwise."""
    vendor_path: IdPath | None = "/v1/accounting/vendors/{id}/"
    """None when the tenant has no vendor call: the order's own vendor is used."""
    accounts_path: str | None = "/v1/accounting/accounts/"
    """None when the tenant lists no GL accounts."""
    subsidiaries_path: str | None = "/v1/accounting/subsidiaries/"
    """None when the tenant lists no subsidiaries."""
    vendors_path: str | None = "/v1/accounting/vendors/"
    """None when the tenant does not list its vendors: each is read when an order names it."""
    vendor_change_path: IdPath = "/v1/accounting/vendors/{id}/"
    """Takes a PATCH of `name`, `email` or `is_active`."""
    vendor_upsert_path: str = "/v1/accounting/vendors/bulk_upsert/"
    """Takes a POST of rows with `airbase_id` or `erp_reference_id`: links and makes vendors."""
    order_source: Literal["detail", "event"] = "detail"
    """`event`: no detail call exists, the signed event carries the order at `event_order`."""
    event_order: Path = "data"
    envelope: Path | None = None
    """Where an answer keeps the object, when it is wrapped (`data`)."""
    event_id: Path = "id"
    event_order_id: Path = "data.id"
    event_vendor_id: Path = "data.id"
    event_type: Path = "type"
    vendor_event_word: str = "vendor"
    """An event whose type has this word is about the vendor at `event_vendor_id`."""
    event_created: Path = "created_date"
    verification: Verification = Field(default_factory=HmacVerification)
    state_words: Annotated[dict[str, State], Field(min_length=1)] = {
        state.value: state for state in State
    }
    outcome_words: Annotated[dict[str, Outcome], Field(min_length=1)] = {
        "purchase_order": Outcome.PURCHASE_ORDER,
        "virtual_card": Outcome.OTHER,
        "one_time_card": Outcome.OTHER,
        "recurring_card": Outcome.OTHER,
    }
    outcome_when_absent: Outcome | None = None
    """None: an order without an outcome is an exception."""
    time_zone: Annotated[str, AfterValidator(_zone_exists)] = "UTC"
    """The zone of times that carry none."""
    money_form: MoneyForm = MoneyForm.DECIMAL
    order: OrderMap = Field(default_factory=OrderMap)
    vendor: VendorMap = Field(default_factory=VendorMap)
    bill: BillMap = Field(default_factory=BillMap)
    ledger_entries_path: str = "/v1/accounting/ledger_entries/"
    bill_words: tuple[str, ...] = ("bill",)
    """Types of a ledger entry that mean a bill."""
    bill_statuses: Annotated[tuple[str, ...], Field(min_length=1)] = ("sync_ready", "sync_complete")
    """Status words to ask for: without one Airbase gives the entries of `sync_ready` alone."""
    entered_words: tuple[str, ...] = ("sync_complete",)
    """Status words that mean: entered in Exact."""
    unentered_words: tuple[str, ...] = ("sync_ready",)
    """Status words that mean: not entered in Exact yet."""
    rate_floor: int = 20
    """Slow down when `X-Ratelimit-Remaining` falls to this."""
