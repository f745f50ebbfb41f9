"""The settings of a connection: one customer, with an Airbase tenant and its Exact sites."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from ml_connector.domain.ids import (
    AppId,
    ConnectionId,
    Division,
    Guid,
    SiteId,
    app_at,
    code_of,
    site_of,
)
from ml_connector.settings.airbase_profile import (
    AirbaseProfile,
    NoVerification,
    StrictModel,
    TimeZone,
    is_stored,
)
from ml_connector.settings.exact_sites import (
    ANOTHER_SITE,
    EXACT_SITES,
    HOST,
    ZONES,
    Language,
    site_at,
)
from ml_connector.settings.record_pages import (
    AIRBASE_ORDER,
    AIRBASE_VENDOR,
    EXACT_ORDER,
    EXACT_SUPPLIER,
    PageOf,
    require_page,
)
from ml_connector.settings.served_elsewhere import ServedElsewhere, refuse_contradictions

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DIVISION = re.compile(r"[a-z.]+\.[0-9]{1,10}")


def safe_base_url(url: str) -> str:
    """Return the URL without a trailing slash, and its host as all write it, to be compared.

    Raises `ValueError` unless it is https, or plain http to a loopback host.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not a web address")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError(f"{url!r} must use https (plain http only for loopback hosts)")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{url!r} must be an address without user, query or fragment")
    return parts._replace(scheme=parts.scheme.lower(), netloc=_host(parts)).geturl().rstrip("/")


def _host(parts: SplitResult) -> str:
    """Return host and port in lower case, without the port that its scheme has anyway."""
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"{parts.geturl()!r} has no usable port") from None
    usual = {"http": 80, "https": 443}[parts.scheme]
    return parts.netloc.lower().removesuffix(f":{usual}" if port == usual else ":")


def _normal_guid(key: str) -> str:
    return key.strip().strip("{}").lower()


def usable_id(value: str) -> str:
    """Return a connection's id; raises `ValueError` for one that it cannot have."""
    if not _ID.fullmatch(value):
        raise ValueError("use 1 to 63 lower-case letters, digits and dashes")
    return value


def _app_id(value: str) -> str:
    connection, dot, site = value.partition(".")  # checked before it is an app's name
    if dot and site not in {*EXACT_SITES, ANOTHER_SITE}:
        raise ValueError(f"name the connection, or one of its Exact sites, as in {connection}.nl")
    usable_id(connection)
    return value


def _division(value: str) -> str:
    if not _DIVISION.fullmatch(value):
        raise ValueError(f"{value!r} is not the number of a division")
    return value


def _page_of(what: PageOf) -> AfterValidator:
    """Return what checks the address of a record's page; a stored one was checked."""

    def check(template: str | None, info: ValidationInfo) -> str | None:
        return template if template is None or is_stored(info) else require_page(template, what)

    return AfterValidator(check)


GuidText = Annotated[Guid, AfterValidator(_normal_guid)]
BaseUrl = Annotated[str, AfterValidator(safe_base_url)]
AppName = Annotated[AppId, AfterValidator(_app_id)]
DivisionOfSite = Annotated[
    Division, AfterValidator(_division), PlainSerializer(code_of, return_type=int)
]
"""In a file its code alone; the site is the one under which it stands."""
Dimension = Literal["cost_centre", "cost_unit", "project"]
Page = Annotated[str | None, BeforeValidator(lambda template: template or None)]
"""Where a system shows a record, with placeholders (`record_pages`). None: pages have no link."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


_OF_ALL_SITES = ("time_zone", "language")
"""Settings of a site that may stand beside `sites`, for all of them."""
_LEFT_OUT_WITHOUT_VALUE = frozenset(
    {
        *_OF_ALL_SITES,
        "airbase_order_page",
        "airbase_vendor_page",
        "exact_order_page",
        "exact_supplier_page",
    }
)
"""Settings that older versions do not know."""

MAPPING_KINDS = (
    "gl_accounts", "items", "cost_centres", "cost_units", "projects", "vat_codes",
    "payment_conditions", "suppliers",
)  # fmt: skip
_ROWS = ("supplier_rows", "other_rows")


class DivisionMappings(StrictModel):
    """Airbase value to Exact code, for one division; a value not listed is used as the code.

    A key is Airbase's id, code or name, preferred in this order.
    """

    gl_accounts: dict[str, str] = {}
    items: dict[str, GuidText] = {}
    """Exact GL account code to the id of its carrier item."""
    cost_centres: dict[str, str] = {}
    cost_units: dict[str, str] = {}
    projects: dict[str, str] = {}
    vat_codes: dict[str, str] = {}
    payment_conditions: dict[str, str] = {}
    suppliers: dict[str, str] = {}
    """Airbase vendor id to Exact supplier: its id or account code."""
    supplier_rows: tuple[str, ...] = ()
    """Only as stored: the names of the rows (`MappingRows`) that hold the suppliers instead."""
    other_rows: tuple[str, ...] = ()
    """Only as stored: the names of the rows that hold all other mappings instead."""

    def tables(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield each kind of mapping with those that are not in rows."""
        for kind in MAPPING_KINDS:
            yield kind, getattr(self, kind)

    def rows_of(self, kind: str) -> tuple[str, ...]:
        """Return the names of the rows that hold the mappings of a kind; empty without any."""
        return self.supplier_rows if kind == "suppliers" else self.other_rows

    @model_serializer(mode="wrap")
    def _without_empty_rows(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A file has no rows, and older versions do not know them."""
        data: dict[str, Any] = handler(self)
        return {name: value for name, value in data.items() if value or name not in _ROWS}


class ExactDivision(StrictModel):
    """One Exact division and the Airbase subsidiaries that it serves."""

    division: DivisionOfSite
    name: str = ""
    subsidiaries: tuple[str, ...]
    """Airbase's id, ERP code or name of each subsidiary. None when all were moved to another
    division: orders that are in this one are still followed."""
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    """The division's country, as in `DE`; empty: that of its site."""
    currency: Currency = "EUR"
    """The division's own currency."""
    other_currencies: tuple[Currency, ...] = ()
    """Other currencies active in the division: Exact silently empties any it does not know."""
    default_vat_code: str | None = None
    default_payment_condition: str | None = None
    warehouse: GuidText | None = None
    create_items: bool = False
    """Create the carrier item of a GL account that has none."""
    item_unit: str | None = None
    """The unit code of created items and supplier-item links."""
    link_supplier_items: bool = False
    """Link each item to its supplier first: for divisions that refuse unlinked items."""
    mappings: DivisionMappings = Field(default_factory=DivisionMappings)


FieldPolicy = Literal["exact_leads", "airbase_leads", "review", "ignore"]


class VendorPolicy(StrictModel):
    """How vendors and suppliers are kept equal; by default nothing is written to either system."""

    links: Literal["automatic", "review"] = "automatic"
    """`automatic`: certain links are made. `review`: a person decides every link."""
    name: FieldPolicy = "review"
    """Which system leads when a linked vendor or supplier is renamed. `review`: a person decides,
    and its orders wait."""
    email: FieldPolicy = "ignore"
    active: FieldPolicy = "review"
    """`exact_leads`: a vendor is active if its supplier is usable. `airbase_leads`: a supplier is
    blocked if its vendor is not active."""
    create_suppliers: bool = False
    """Create the Exact supplier an approved order needs, if no similar one exists."""
    create_vendors: bool = False
    """Create an Airbase vendor for a new Exact supplier, if no similar one exists."""
    write_reference: bool = False
    """Write the supplier's Exact id to the vendor's ERP reference."""

    @property
    def writes(self) -> bool:
        """Return whether linked vendors or suppliers may be changed."""
        leads = {"exact_leads", "airbase_leads"} & {self.name, self.email, self.active}
        return self.write_reference or bool(leads)


CALLS_OF_CONTRACT: Mapping[str, int] = {"standard": 20_000, "premium": 30_000}
"""A day, by licence: Exact's fair use, for all apps and divisions together."""


class CallLimits(StrictModel):
    """Exact's call limits for an app in each division, until Exact's headers state others."""

    calls_per_minute: Annotated[int, Field(gt=0)] = 60
    calls_per_day: Annotated[int, Field(gt=0)] = 5000


class Contract(StrictModel):
    """The Exact contract of the divisions, of which Exact counts the calls of all apps together."""

    name: str = ""
    """Connections of the stack with the same name share one budget. Empty: no other connection has
    divisions in this contract."""
    licence: Literal["standard", "premium"] = "standard"
    share_percent: Annotated[int, Field(ge=1, le=100)] = 50
    """How much of the contract's calls the connector may use; the rest is for other apps."""

    @property
    def terms(self) -> str:
        """Return the settings in words."""
        return f'licence = "{self.licence}", share_percent = {self.share_percent}'

    @property
    def our_calls(self) -> int:
        """Return how many calls a day the connector may make."""
        return CALLS_OF_CONTRACT[self.licence] * self.share_percent // 100


def _is_address(text: str) -> str:
    if not MAIL_ADDRESS.fullmatch(text) or len(text) > 254:
        raise ValueError(f"{text} is not an e-mail address")
    return text


MAIL_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>.]+(\.[^@\s,;<>.]+)+")
MOST_ADDRESSES = 20
EmailAddress = Annotated[str, AfterValidator(_is_address)]


MessageLanguage = Literal["en", "nl", "de", "fr"]
"""The languages that there are catalogues for (`languages.locales`)."""


class NotificationSettings(StrictModel):
    """How people are notified of new exceptions and halts."""

    every_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    """Minutes between messages about exceptions; a halt is sent at once."""
    details: bool = True
    """Name orders, vendors and amounts; false: send only codes and counts."""
    emails: Annotated[tuple[EmailAddress, ...], Field(max_length=MOST_ADDRESSES)] = ()
    """Who gets HTML mail, when the stack has a NotificationSender; else: its NotificationEmail."""
    language: MessageLanguage = "en"
    """In which messages are written; codes and a remote's own words stay as they are."""
    time_zone: TimeZone = "UTC"
    """The time zone of the moments in messages."""
    slack: bool = False
    """Send to Slack as well, through the webhook stored by `connector notify slack`."""


class ExactSite(StrictModel):
    """One Exact site: the customer's app there, and the divisions that it reaches.

    An app belongs to one site, so each site has its own consent, tokens and subscriptions.
    """

    id: AppName
    """Filled in by the connection. Under this name the site's secrets and tokens are kept."""
    exact_site: Literal["nl", "be", "de", "fr", "es", "co.uk", "com"] | None = None
    """Where the app is registered; the site's own address is used unless another is given."""
    exact_base_url: BaseUrl = ""
    shares_app_with: AppName | None = None
    """Another connection of the stack (or a further site of it, as in `firm.be`) whose Exact app,
    consent and tokens are used here as well. One app has one chain of tokens: two that renew it
    each end the other's consent."""
    exact_callback_url: BaseUrl | None = None
    """Where Exact sends notifications; None: no subscriptions."""
    exact_topics: tuple[str, ...] = (
        "PurchaseOrders",
        "Accounts",
        "GLAccounts",
        "Items",
    )
    exact_order_page: Annotated[Page, _page_of(EXACT_ORDER)] = None
    exact_supplier_page: Annotated[Page, _page_of(EXACT_SUPPLIER)] = None
    time_zone: TimeZone | None = None
    """In which zone the moment of an approval is a day. None: that of the profile, as in files with
    one site that were written before; under `sites`, that of the connection, of the profile if it
    names one, or of the site's country."""
    language: Language | None = None
    """In which words are written to Exact, for people there. None: English; under `sites`, that of
    the connection if it names one."""
    limits: CallLimits = Field(default_factory=CallLimits)
    contract: Contract = Field(default_factory=Contract)
    calls_in_flight: Annotated[int, Field(ge=1, le=10)] = 1
    """How many calls to a division of Exact may be under way at once. Exact asks for one."""
    divisions: Annotated[tuple[ExactDivision, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Fill in the address, and the site in the code of each division."""
        if not isinstance(data, Mapping):
            return data
        named = data.get("exact_site")
        if not data.get("exact_base_url"):
            if named not in EXACT_SITES:
                raise ValueError(
                    f"name exact_site (one of {', '.join(EXACT_SITES)}) or exact_base_url"
                )
            data = {**data, "exact_base_url": f"https://{HOST}{named}"}
        divisions = data.get("divisions")
        if isinstance(divisions, list | tuple):
            site = named or site_at(str(data["exact_base_url"]))
            data = {**data, "divisions": [_with_site(each, site) for each in divisions]}
        return data

    @field_validator("divisions")
    @classmethod
    def _each_once(cls, divisions: tuple[ExactDivision, ...]) -> tuple[ExactDivision, ...]:
        codes = [code_of(each.division) for each in divisions]
        _refuse_doubled("division", [str(code) for code in codes])
        return divisions

    @model_validator(mode="after")
    def _own_divisions(self) -> Self:
        if others := [d.division for d in self.divisions if site_of(d.division) != self.site]:
            raise ValueError(f"{', '.join(others)} is not at the site {self.site}")
        return self

    @property
    def site(self) -> SiteId:
        """Return the name of the site, which is part of the name of each of its divisions.

        It is `exact_site`; without one, the site whose address is given, else `ANOTHER_SITE`.
        """
        return SiteId(self.exact_site) if self.exact_site else site_at(self.exact_base_url)

    @property
    def app_of(self) -> AppId:
        """Return under which name the app, consent and tokens are kept that are used here."""
        return self.shares_app_with or self.id


_OF_SITE = tuple(name for name in ExactSite.model_fields if name != "id")


class Connection(StrictModel):
    """All settings of one customer. Secrets are not here but in Secrets Manager."""

    id: Annotated[ConnectionId, AfterValidator(usable_id)]
    name: str = ""
    airbase_base_url: BaseUrl = "https://api.airbase.io"
    airbase_order_page: Annotated[Page, _page_of(AIRBASE_ORDER)] = None
    airbase_vendor_page: Annotated[Page, _page_of(AIRBASE_VENDOR)] = None
    sites: Annotated[tuple[ExactSite, ...], Field(min_length=1)]
    """A file with one site may have the site's settings beside the others, without `sites`."""
    served_elsewhere: tuple[ServedElsewhere, ...] = ()
    """Subsidiaries whose orders are not posted here, and whose orders are no exceptions."""
    tag_dimensions: dict[str, Dimension] = {
        "Department": "cost_centre",
        "Cost centre": "cost_centre",
        "Cost center": "cost_centre",
        "Cost unit": "cost_unit",
    }
    """Airbase tag label to Exact dimension. A tag with another label is an exception, unless
    `ignored_tags` names it. Projects need a separate Exact licence: map a label to `project` to
    use them."""
    ignored_tags: tuple[str, ...] = ()
    amounts_include_vat: bool = False
    when_cancelled: Literal["report", "delete"] = "report"
    """What happens to the Exact order when its Airbase order is cancelled after posting and nothing
    was received or invoiced. `report`: it becomes an exception. `delete`: it is deleted."""
    when_closed: Literal["note", "report", "delete"] = "report"
    """The same for an order closed in Airbase but open in Exact. `note`: it is only recorded."""
    vendors: VendorPolicy = Field(default_factory=VendorPolicy)
    notify: NotificationSettings = Field(default_factory=NotificationSettings)
    profile: AirbaseProfile = Field(default_factory=AirbaseProfile)
    airbase_sweep_minutes: Annotated[int, Field(ge=5)] = 60
    """Minutes between searches of Airbase's listing for approvals and changes without a webhook."""
    post_orders_from: date | None = None
    """The search posts orders approved on or after this day (in the tenant's zone). None: the day
    the connection was added. Earlier ones count as entered by hand."""
    accept_unverified_webhooks: bool = False
    """Must be true if the profile's verification is `none`."""

    @model_validator(mode="before")
    @classmethod
    def _complete_sites(cls, data: Any) -> Any:
        """Make a site of the settings of a file with only one, and name each site's app."""
        if not isinstance(data, Mapping):
            return data
        if "sites" not in data:
            of_site = {name: data[name] for name in _OF_SITE if name in data}
            rest = {name: value for name, value in data.items() if name not in of_site}
            return {**rest, "sites": [{**of_site, "id": data.get("id")}]}
        if both := [name for name in _OF_SITE if name in data and name not in _OF_ALL_SITES]:
            raise ValueError(f"belongs under one of the sites: {', '.join(both)}")
        sites, zone = data["sites"], zone_named(data)
        if isinstance(sites, list | tuple):
            named = [_with_id(each, str(data.get("id"))) for each in sites]
            said = {"language": data["language"]} if data.get("language") else {}
            data = {**data, "sites": [_with_zone(_with(each, said), zone) for each in named]}
        return {name: value for name, value in data.items() if name not in _OF_ALL_SITES}

    @field_validator("sites")
    @classmethod
    def _named_once(cls, sites: tuple[ExactSite, ...]) -> tuple[ExactSite, ...]:
        _refuse_doubled("site", [each.site for each in sites])
        _refuse_doubled("app", [each.id for each in sites])
        served = [name for s in sites for d in s.divisions for name in d.subsidiaries]
        _refuse_doubled("subsidiary", served)
        at = [f"{code_of(d.division)} at {s.exact_base_url}" for s in sites for d in s.divisions]
        _refuse_doubled("division", at)
        _refuse_unequal_contracts(sites)
        return sites

    @model_validator(mode="after")
    def _each_served_once(self) -> Self:
        self.refuse_unserved()
        return self

    @model_serializer(mode="wrap")
    def _flat_with_one_site(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what a file may leave out: older versions can read it."""
        data: dict[str, Any] = handler(self)
        for each in (data, *data["sites"]):
            for name in _LEFT_OUT_WITHOUT_VALUE & each.keys():
                if each[name] is None:
                    del each[name]
        if not self.served_elsewhere:
            del data["served_elsewhere"]
        if len(self.sites) > 1 or self.sites[0].id != self.id:
            return data
        (site,) = data.pop("sites")
        del site["id"]
        return {**data, **site}

    @model_validator(mode="after")
    def _verified_or_accepted(self) -> Self:
        if isinstance(self.profile.verification, NoVerification):
            if not self.accept_unverified_webhooks:
                raise ValueError("verification 'none' also needs accept_unverified_webhooks: true")
            if self.profile.order_source == "event":
                raise ValueError("order_source 'event' needs verified webhooks")
        return self

    def refuse_unserved(self) -> None:
        """Raise `ValueError` if there is nothing to serve, or a subsidiary has two places."""
        served = [name for each in self.divisions for name in each.subsidiaries]
        if not served and not self.served_elsewhere:
            raise ValueError("no division serves a subsidiary")
        refuse_contradictions(self.served_elsewhere, served)

    @property
    def divisions(self) -> tuple[ExactDivision, ...]:
        """Return the divisions of all sites."""
        return tuple(division for site in self.sites for division in site.divisions)

    def with_divisions(self, change: Callable[[ExactDivision], ExactDivision]) -> Self:
        """Return the connection with each division as `change` returns it."""
        sites = tuple(
            site.model_copy(update={"divisions": tuple(map(change, site.divisions))})
            for site in self.sites
        )
        return self.model_copy(update={"sites": sites})

    def division(self, division: Division) -> ExactDivision | None:
        """Return the settings of this division, or None."""
        return next((each for each in self.divisions if each.division == division), None)

    def site(self, site: SiteId) -> ExactSite:
        """Return the settings of this site; raises `KeyError` for one it does not have."""
        return {each.site: each for each in self.sites}[site]

    def zone_at(self, site: SiteId | None) -> str:
        """Return the time zone of a site; None, or one that it does not have: of the first one."""
        zones = {each.site: each.time_zone for each in self.sites}
        return zones.get(site or self.first_site, zones[self.first_site]) or self.profile.time_zone

    def language_at(self, site: SiteId) -> Language:
        """Return the language of a site of the connection."""
        return self.site(site).language or "en"

    @property
    def zones(self) -> tuple[str, ...]:
        """Return the time zones of the sites, each once."""
        return tuple(dict.fromkeys(self.zone_at(each.site) for each in self.sites))

    @property
    def first_site(self) -> SiteId:
        """Return the site of what older versions stored without one: the only one at that time."""
        of_first = (each.site for each in self.sites if each.id == self.id)
        return next(of_first, self.sites[0].site)

    @property
    def tag_kinds(self) -> frozenset[Dimension]:
        """Return the Exact dimensions that tags are mapped to."""
        return frozenset(self.tag_dimensions.values())


def _with_site(division: Any, site: SiteId) -> Any:
    """Return a division's settings with the site in its code; anything else as it is."""
    if not isinstance(division, Mapping):
        return division
    code = division.get("division")
    is_code = isinstance(code, int) and not isinstance(code, bool)
    is_code = is_code or (isinstance(code, str) and code.isdecimal())
    return {**division, "division": f"{site}.{code}"} if is_code else division


def _with_id(site: Any, connection: str) -> Any:
    """Return a site's settings with the name of its app; anything else as it is."""
    if not isinstance(site, Mapping) or site.get("id"):
        return site
    named = site.get("exact_site") or site_at(str(site.get("exact_base_url", "")))
    return {**site, "id": app_at(ConnectionId(connection), SiteId(str(named)))}


def zone_named(data: Mapping[str, Any]) -> Any:
    """Return the time zone that a file names for all sites, itself or in its profile, or None."""
    profile = data.get("profile")
    of_profile = profile.get("time_zone") if isinstance(profile, Mapping) else None
    return data.get("time_zone") or of_profile or getattr(profile, "time_zone", None)


def _with(site: Any, defaults: Mapping[str, Any]) -> Any:
    """Return a site's settings with those of all sites that it does not have itself."""
    return {**defaults, **site} if isinstance(site, Mapping) else site


def _with_zone(site: Any, zone: Any) -> Any:
    """Return a site's settings with its time zone: `zone` if there is one, else its country's."""
    if not isinstance(site, Mapping) or site.get("time_zone"):
        return site
    named = site.get("exact_site") or site_at(str(site.get("exact_base_url", "")))
    return {**site, "time_zone": zone or ZONES.get(str(named), "UTC")}


def _refuse_unequal_contracts(sites: Sequence[ExactSite]) -> None:
    known: dict[str, Contract] = {}
    for contract in (each.contract for each in sites if each.contract.name):
        if (first := known.setdefault(contract.name, contract)) != contract:
            raise ValueError(
                f"contract {contract.name} is named with {first.terms} and with {contract.terms}"
            )


def _refuse_doubled(what: str, names: Sequence[str]) -> None:
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{what} named twice: {', '.join(sorted(doubled))}")
