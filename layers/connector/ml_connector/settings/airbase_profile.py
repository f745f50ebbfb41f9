"""The profile of one Airbase tenant: what Airbase does not document, as settings.

Airbase has no public purchase-order API and no documented webhook signature. The defaults are our
assumption, modelled on the accounting API's objects. For a tenant that differs, change the profile
in the connection file, not the code.
"""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

from ml_connector.domain.money import MoneyForm
from ml_connector.domain.states import ApprovalState, RequestOutcome

STORED = {"is_stored": True}
"""The context of a validation of settings that were checked before they were stored."""


def _compiles(expression: str, info: ValidationInfo) -> str:
    try:
        path = jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(f"not a JMESPath expression: {error}") from None
    if not is_stored(info):
        _refuse_unusable(path.parsed)
    return expression


def is_stored(info: ValidationInfo) -> bool:
    """Return whether settings are validated that were checked before they were stored."""
    return bool((info.context or {}).get("is_stored"))


def _never_fails(expression: str, info: ValidationInfo) -> str:
    if not is_stored(info):
        _try_on_samples(jmespath.compile(expression))
    return expression


def _refuse_unusable(node: Any) -> None:
    """Raise `ValueError` for a function that there is not, or with another number of arguments.

    It would fail only where it is reached, in a filter for one.
    """
    if node["type"] == "function_expression":
        known = Functions.FUNCTION_TABLE.get(node["value"])
        if known is None:
            raise ValueError(f"JMESPath has no function {node['value']}()")
        wanted, given = known["signature"], len(node["children"])
        is_open = bool(wanted) and wanted[-1].get("variadic", False)
        if given < len(wanted) or (given > len(wanted) and not is_open):
            raise ValueError(f"{node['value']}() takes {len(wanted)} arguments, not {given}")
    for child in node["children"]:
        if isinstance(child, dict) and "children" in child:
            _refuse_unusable(child)


def _try_on_samples(path: Any) -> None:
    """Raise `ValueError` when the path fails on an object that lacks every field, or holds null."""
    for sample in _SAMPLES:
        try:
            path.search(sample)
        except Exception as error:  # noqa: BLE001  whatever a function of JMESPath raises
            raise ValueError(
                f"the path fails where a field is missing ({error}): give a value for that case, "
                "as in `join('-', [kind || '', id || ''])`"
            ) from None


_SAMPLES: tuple[Any, ...] = ({}, {"id": None, "data": None, "type": None}, {"data": {}})


def _zone_exists(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}") from None
    return name


TimeZone = Annotated[str, AfterValidator(_zone_exists)]
"""A name of the tz database, as in `Europe/Amsterdam`."""


def _takes_an_id(path: str) -> str:
    try:
        if path.format(id="x") == path.format(id="y"):
            raise ValueError
    except (KeyError, IndexError, ValueError):
        raise ValueError("the path needs {id} and no other braces") from None
    return path


Path = Annotated[str, AfterValidator(_compiles)]
"""A JMESPath expression into Airbase's JSON; where it fails on an order, that is an exception."""

SafePath = Annotated[Path, AfterValidator(_never_fails)]
"""A JMESPath expression that works without the fields it names: one into what names no record yet,
which could not show an exception."""

IdPath = Annotated[str, AfterValidator(_takes_an_id)]
"""The path of one object, with `{id}` in it."""


ListingPath = Annotated[str | None, BeforeValidator(lambda path: path or None)]
"""The path of a listing. None (or empty, in a file without null): there is no listing."""


class StrictModel(BaseModel):
    """A settings model: unknown names are refused, and values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class HmacVerification(StrictModel):
    """A header with the signature of the raw body, or of `{timestamp}.{raw body}`."""

    scheme: Literal["hmac"] = "hmac"
    header: str = "X-Airbase-Signature"
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = "sha256="
    timestamp_header: str | None = None


class StandardWebhooks(StrictModel):
    """The Standard Webhooks headers: webhook-id, webhook-timestamp, webhook-signature."""

    scheme: Literal["standard_webhooks"] = "standard_webhooks"


class SharedHeader(StrictModel):
    """A secret sent in a header; with `Authorization`, basic authentication as well."""

    scheme: Literal["shared_header"] = "shared_header"
    header: str


class UrlSecret(StrictModel):
    """A secret in the query string of the webhook URL."""

    scheme: Literal["url_secret"] = "url_secret"
    parameter: str = "secret"


class NoVerification(StrictModel):
    """No verification: only the id in the body is used; the rest is fetched from Airbase."""

    scheme: Literal["none"] = "none"


Verification = Annotated[
    HmacVerification | StandardWebhooks | SharedHeader | UrlSecret | NoVerification,
    Field(discriminator="scheme"),
]


# `map`, not a projection: tags that are not a list are an error, not an empty list.
_TAGS = "map(&{{dimension: type_label, code: erp_reference_id, name: name}}, {} || `[]`)"


class LineMap(StrictModel):
    """The paths in an order line (Airbase: a category split), relative to the line."""

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


class OrderMap(StrictModel):
    """The paths in an order, relative to the order."""

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


class VendorMap(StrictModel):
    """The paths in a vendor, relative to the vendor."""

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


class BillMap(StrictModel):
    """The paths of a bill's fields in a ledger entry, relative to the entry."""

    id: Path = "airbase_id || id"
    type: Path = "type"
    status: Path = "status"
    vendor: Path = "vendor.airbase_id"
    number: Path = "invoice_number"
    date: Path = "entry_date"
    currency: Path = "currency.iso_code"
    total: Path = "total_amount"
    erp_reference: Path = "erp_reference_id"


class AirbaseProfile(StrictModel):
    """How one tenant's API and webhooks work. Airbase needs the trailing slash of a path."""

    auth_scheme: str = "Token"
    """The scheme before the key in `auth_header`; empty: the key alone."""
    auth_header: str = "Authorization"
    order_path: IdPath = "/v1/purchase_orders/{id}/"
    orders_path: ListingPath = "/v1/purchase_orders/"
    """None: the tenant has no listing, and approvals without a webhook are not found."""
    orders_query: dict[str, str] = {}
    """Further query parameters of the listing, such as a status filter."""
    orders_sorting: Literal["unknown", "recently_changed_first"] = "unknown"
    """`unknown`: every page is read. `recently_changed_first`: reading stops at a page without
    changes."""
    orders_compared: SafePath = "@"
    """The part of a listed order whose change means a changed order; the default is all of it."""
    vendor_path: IdPath | None = "/v1/accounting/vendors/{id}/"
    """None: the tenant has no vendor call, and the vendor in the order is used."""
    accounts_path: str | None = "/v1/accounting/accounts/"
    """None: the tenant does not list its GL accounts."""
    subsidiaries_path: str | None = "/v1/accounting/subsidiaries/"
    """None: the tenant does not list its subsidiaries."""
    vendors_path: str | None = "/v1/accounting/vendors/"
    """None: the tenant does not list its vendors; each is read when an order names it."""
    vendor_change_path: IdPath = "/v1/accounting/vendors/{id}/"
    """For a PATCH of `name`, `email` or `is_active`."""
    vendor_upsert_path: str = "/v1/accounting/vendors/bulk_upsert/"
    """For a POST of rows with `airbase_id` or `erp_reference_id`: links and creates vendors."""
    order_source: Literal["detail", "event"] = "detail"
    """`detail`: an order is fetched by its id. `event`: the signed event contains it, at
    `event_order`."""
    event_order: SafePath = "data"
    envelope: SafePath | None = None
    """The path of the object in an answer that wraps it, such as `data`."""
    event_id: SafePath = "id"
    event_order_id: SafePath = "data.id"
    event_vendor_id: SafePath = "data.id"
    event_type: SafePath = "type"
    vendor_event_word: str = "vendor"
    """An event whose type contains this word is about the vendor at `event_vendor_id`."""
    event_created: SafePath = "created_date"
    verification: Verification = Field(default_factory=HmacVerification)
    state_words: Annotated[dict[str, ApprovalState], Field(min_length=1)] = {
        state.value: state for state in ApprovalState
    }
    outcome_words: Annotated[dict[str, RequestOutcome], Field(min_length=1)] = {
        "purchase_order": RequestOutcome.PURCHASE_ORDER,
        "virtual_card": RequestOutcome.OTHER,
        "one_time_card": RequestOutcome.OTHER,
        "recurring_card": RequestOutcome.OTHER,
    }
    outcome_when_absent: RequestOutcome | None = None
    """None: an order without an outcome is an exception."""
    time_zone: TimeZone = "UTC"
    """In which zone a moment is a day, for sites without a zone of their own."""
    money_form: MoneyForm = MoneyForm.DECIMAL
    order: OrderMap = Field(default_factory=OrderMap)
    vendor: VendorMap = Field(default_factory=VendorMap)
    bill: BillMap = Field(default_factory=BillMap)
    ledger_entries_path: str = "/v1/accounting/ledger_entries/"
    bill_words: tuple[str, ...] = ("bill",)
    """The types of ledger entries that are bills."""
    bill_statuses: Annotated[tuple[str, ...], Field(min_length=1)] = ("sync_ready", "sync_complete")
    """Statuses to request: without one Airbase lists only entries with `sync_ready`."""
    entered_words: tuple[str, ...] = ("sync_complete",)
    """Statuses that mean: entered in Exact."""
    unentered_words: tuple[str, ...] = ("sync_ready",)
    """Statuses that mean: not entered in Exact yet."""
    rate_floor: int = 20
    """Slow down when `X-Ratelimit-Remaining` is this or lower."""
