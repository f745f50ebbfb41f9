"""The context of one call, and the switches for how strict the site is."""

from dataclasses import dataclass, field

from local.exact_simulator.answers import Shape, read_select
from local.exact_simulator.refusals import select_required
from local.exact_simulator.schema import Entity
from local.exact_simulator.world import Division, World
from local.simulator import Request


@dataclass(slots=True)
class Policy:
    """Switches for behaviour of Exact that is unknown or differs between apps."""

    mandatory_filter: bool = True
    """crm/Accounts, logistics/Items and logistics/SupplierItem require a $filter."""
    your_ref_filter: bool = True
    """PurchaseOrders may be filtered on YourRef."""
    select_required: set[str] = field(default_factory=set)
    """Endpoints that require a $select."""
    line_updates: bool = True
    """Single lines may be changed through PurchaseOrderLines."""
    line_additions: bool = False
    """Single lines may be added through PurchaseOrderLines."""
    nested_line_updates: bool = False
    """PUT on an order may have lines, which then replace the old ones."""
    nested_merge: bool = False
    """PUT on an order may have lines: those with an ID are changed, others added, none removed."""
    order_updates: bool = True
    """Orders may be changed with PUT."""
    refuse_parallel: bool = False
    """Whether a call is refused while another one of its division is in flight. Exact asks for one
    call after the other and publishes no refusal: here a 429 without headers or body."""
    payment_condition_required: bool = False
    """Whether orders need a payment condition in Germany and Spain, as purchase entries do."""
    page_size: int = 60
    sync_page_size: int = 1000
    sync_headers: bool = True
    """Whether the stream of purchase orders has a row for the header beside those of the lines."""
    denied: set[str] = field(default_factory=set)
    """Endpoints outside the app's scopes."""
    read_only: set[str] = field(default_factory=set)
    """Endpoints that this user may only read; the text of that 403 is not known."""
    unlicensed: set[str] = field(default_factory=set)
    """Endpoints of a module without a licence; the text of that 403 is not known."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """One authorised call."""

    world: World
    division: Division
    policy: Policy
    request: Request
    as_json: bool

    def shape(self, endpoint: str, key: str = "ID") -> Shape:
        """Return how rows of an endpoint are written for this caller."""
        parameters = self.request.query
        select, top = parameters.get("$select"), parameters.get("$top")
        if select is None and endpoint in self.policy.select_required and top != "1":
            raise select_required()
        fields = read_select(endpoint, select)
        return Shape(endpoint, self.request.origin, self.division.code, key, fields)

    def entity_shape(self, entity: Entity) -> Shape:
        """Return how a newly written row is answered: with all fields."""
        return Shape(entity.path, self.request.origin, self.division.code, entity.key)

    def wants_all(self) -> bool:
        """Return whether the caller prefers all fields in the answer to a POST."""
        return "return=representation" in self.request.headers.get("prefer", "")
