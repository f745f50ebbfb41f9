"""A connection is a customer: one Airbase tenant, one Exact site, and how they fit together."""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from ml_connector.ids import ConnectionId, Division, Guid
from ml_connector.profile import AirbaseProfile, NoVerification

EXACT_SITES = ("nl", "be", "de", "fr", "es", "co.uk", "com")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def safe_base_url(url: str) -> str:
    """Return the URL without a trailing slash.

    Raises `ValueError` unless it is https, or plain http to a loopback host.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not a web address")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"{url!r} must use https (plain http is for loopback hosts alone)")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{url!r} must be a bare base address")
    return url.rstrip("/")


def _one_spelling(key: str) -> str:
    return key.strip().strip("{}").lower()


def _connection_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("use 1 to 63 lower-case letters, digits and dashes")
    return value


GuidText = Annotated[Guid, AfterValidator(_one_spelling)]
BaseUrl = Annotated[str, AfterValidator(safe_base_url)]
Dimension = Literal["cost_centre", "cost_unit", "project"]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Mappings(_Strict):
    """Airbase's word to Exact's code, per division; unlisted words stand for themselves.

    The keys are Airbase's id, code or name of the thing, in that order of preference.
    """

    gl_accounts: dict[str, str] = {}
    items: dict[str, GuidText] = {}
    """Exact GL account code to the item that carries it."""
    cost_centres: dict[str, str] = {}
    cost_units: dict[str, str] = {}
    projects: dict[str, str] = {}
    vat_codes: dict[str, str] = {}
    payment_conditions: dict[str, str] = {}
    suppliers: dict[str, str] = {}
    """Airbase vendor id to Exact supplier: GUID or account code."""


class ExactDivision(_Strict):
    """One Exact division and the Airbase subsidiaries that it serves."""

    division: Division
    name: str = ""
    subsidiaries: Annotated[tuple[str, ...], Field(min_length=1)]
    """Airbase's id, ERP code or name of each subsidiary."""
    currency: Currency = "EUR"
    """The division's own currency."""
    other_currencies: tuple[Currency, ...] = ()
    """Further currencies that are active in the division: Exact blanks others silently."""
    default_vat_code: str | None = None
    default_payment_condition: str | None = None
    warehouse: GuidText | None = None
    create_items: bool = False
    """Make a carrier item for a GL account that has none."""
    item_unit: str | None = None
    """Unit code for items and supplier links that are made."""
    link_supplier_items: bool = False
    """The division refuses lines whose item is not linked to the supplier: make the link."""
    mappings: Mappings = Field(default_factory=Mappings)


FieldPolicy = Literal["exact_leads", "airbase_leads", "review", "ignore"]


class VendorPolicy(_Strict):
    """How the vendors of both systems are kept alike; nothing is written to either by default."""

    links: Literal["automatic", "review"] = "automatic"
    """`review`: even a certain link waits for a person."""
    name: FieldPolicy = "review"
    """Who is right when a linked vendor or supplier is renamed; `review` makes its orders wait."""
    email: FieldPolicy = "ignore"
    active: FieldPolicy = "review"
    """`exact_leads`: a supplier that cannot be used closes its vendor, and the reverse."""
    create_suppliers: bool = False
    """Make the Exact supplier that an approved order needs, when none is alike."""
    create_vendors: bool = False
    """Make an Airbase vendor for a supplier that appears in Exact, when none is alike."""
    write_reference: bool = False
    """Write the supplier's Exact id to the vendor's ERP reference."""

    @property
    def writes(self) -> bool:
        """Return whether linked vendors or suppliers may be written to."""
        leads = {"exact_leads", "airbase_leads"} & {self.name, self.email, self.active}
        return self.write_reference or bool(leads)


class Limits(_Strict):
    """Exact's limits for this app and each division; the server's headers correct them."""

    calls_per_minute: Annotated[int, Field(gt=0)] = 60
    calls_per_day: Annotated[int, Field(gt=0)] = 5000


class Notify(_Strict):
    """How people are told of new exceptions and halts."""

    every_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    """Exceptions are gathered for so long after a message; a halt is told at once."""
    details: bool = True
    """Name orders, vendors and amounts; otherwise only codes and numbers leave the account."""
    slack: bool = False
    """Tell Slack too, through the webhook stored by `connector notify slack`."""


class Connection(_Strict):
    """All that is configured for one customer. Secrets are kept apart, in Secrets Manager."""

    id: Annotated[ConnectionId, AfterValidator(_connection_id)]
    name: str = ""
    exact_site: Literal["nl", "be", "de", "fr", "es", "co.uk", "com"] | None = None
    exact_base_url: BaseUrl = ""
    airbase_base_url: BaseUrl = "https://api.airbase.io"
    exact_callback_url: BaseUrl | None = None
    """Where Exact shall send notifications; None: no subscriptions are made."""
    exact_topics: tuple[str, ...] = (
        "PurchaseOrders",
        "Accounts",
        "GLAccounts",
        "Items",
    )
    divisions: Annotated[tuple[ExactDivision, ...], Field(min_length=1)]
    tag_dimensions: dict[str, Dimension] = {
        "Department": "cost_centre",
        "Cost centre": "cost_centre",
        "Cost center": "cost_centre",
        "Cost unit": "cost_unit",
    }
    """Airbase tag label to Exact dimension; a tag with another label is an exception
    unless it is named in `ignored_tags`. Projects need an Exact licence of their own, so no
    label means them unless said here."""
    ignored_tags: tuple[str, ...] = ()
    amounts_include_vat: bool = False
    when_cancelled: Literal["report", "delete"] = "report"
    """What becomes of an Exact order whose Airbase order is cancelled after posting, as long as
    nothing was received or invoiced: shown to a person, or deleted."""
    when_closed: Literal["note", "report", "delete"] = "report"
    """The same for an order that is closed in Airbase while it is still open in Exact."""
    vendors: VendorPolicy = Field(default_factory=VendorPolicy)
    limits: Limits = Field(default_factory=Limits)
    notify: Notify = Field(default_factory=Notify)
    profile: AirbaseProfile = Field(default_factory=AirbaseProfile)
    airbase_sweep_minutes: Annotated[int, Field(ge=5)] = 60
    """How often Airbase's listing is searched for approvals and changes that no webhook told."""
    post_orders_from: date | None = None
    """The first day of approval (in the tenant's zone) of orders that this search posts; None:
    the day the connection was added. What was approved before was entered by hand."""
    accept_unverified_webhooks: bool = False
    """Must be set by hand for a profile whose verification is `none`."""

    @model_validator(mode="before")
    @classmethod
    def _site_to_base_url(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("exact_base_url"):
            if data.get("exact_site") not in EXACT_SITES:
                raise ValueError(
                    f"name exact_site (one of {', '.join(EXACT_SITES)}) or exact_base_url"
                )
            return data | {"exact_base_url": f"https://start.exactonline.{data['exact_site']}"}
        return data

    @field_validator("divisions")
    @classmethod
    def _each_once(cls, divisions: tuple[ExactDivision, ...]) -> tuple[ExactDivision, ...]:
        codes = [str(d.division) for d in divisions]
        served = [s for d in divisions for s in d.subsidiaries]
        for what, seen in (("division", codes), ("subsidiary", served)):
            if doubled := {x for x in seen if seen.count(x) > 1}:
                raise ValueError(f"{what} named twice: {', '.join(sorted(doubled))}")
        return divisions

    @model_validator(mode="after")
    def _verified_or_accepted(self) -> Self:
        if isinstance(self.profile.verification, NoVerification):
            if not self.accept_unverified_webhooks:
                raise ValueError("verification 'none' also needs accept_unverified_webhooks: true")
            if self.profile.order_source == "event":
                raise ValueError("an unverified event can not carry the order itself")
        return self

    def division(self, code: Division) -> ExactDivision | None:
        """Return the division with this code, when the connection has it."""
        return next((d for d in self.divisions if d.division == code), None)

    @property
    def tag_kinds(self) -> frozenset[Dimension]:
        """Return the Exact dimensions that tags of this connection can mean."""
        return frozenset(self.tag_dimensions.values())
