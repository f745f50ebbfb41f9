"""Find purchase orders in Exact: by our marker, or by their key."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Later, Review
from ml_connector.domain.ids import ConnectionId, Division, Guid, OrderId
from ml_connector.domain.orders.exact_order import ExactHeader, ExactOrder
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.domain.orders.questions import Outcome
from ml_connector.exact.client import ExactClient
from ml_connector.exact.divisions import may_have_moved
from ml_connector.exact.errors import not_about
from ml_connector.exact.odata import guid_literal, int64_literal, text_literal
from ml_connector.exact.purchase_orders import (
    HEADER_FIELDS,
    LINE_FIELDS,
    LINES_PATH,
    ORDERS_PATH,
    STREAM_PATH,
    read_header,
    read_line,
    read_order,
)
from ml_connector.exact.rows import Row, RowReader, read_required, refused
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.services import Services

_FIELDS = "PurchaseOrderID,OrderNumber,YourRef,Remarks,Currency,AmountFC,AmountFCExclVat"
_FILTER_REFUSED = "your_ref_filter_refused"
_FILTER_AGAIN = timedelta(days=7)
_ABOUT_FILTERS = {"EXACT_FILTER_REQUIRED", "EXACT_BAD_REQUEST"}
_BEGINNING = 1
"""A cursor from which all of Exact's stream is read."""
_SYNC_FIELDS = f"Timestamp,LineNumber,{_FIELDS}"


def find_orders(
    services: Services,
    order: OrderId,
    sought: Outcome,
    *,
    remember: bool,
) -> tuple[ExactHeader, ...]:
    """Return the purchase orders in Exact that carry the order's marker.

    They are filtered by `YourRef`. Where Exact refuses that filter, or shows nothing although the
    order may have been sent, the sync stream is read from the cursor of the intent, and from its
    beginning if the division may have been moved since: then its row versions start again.
    `remember`: note per division that the filter is refused, for a week.
    """
    rows = _with_reference(services, sought, remember=remember)
    found = _marked(rows or (), ORDERS_PATH, sought.division, services.id, order)
    if found or (rows is not None and sought.sent_at is None):
        return found
    exact_client = services.exact(sought.division)
    start = max(sought.cursor - 1, _BEGINNING)  # the row that the cursor is of comes again
    read = list(_stream(exact_client, sought, start))
    found = _marked(read, STREAM_PATH, sought.division, services.id, order)
    is_cut_off = not read and start > _BEGINNING
    if found or not (is_cut_off or _may_have_moved(exact_client, sought)):
        return found
    every = _stream(exact_client, sought, _BEGINNING)
    return _marked(every, STREAM_PATH, sought.division, services.id, order)


def _may_have_moved(exact_client: ExactClient, sought: Outcome) -> bool:
    """Return whether the division may have been moved since the order was sent."""
    sent_at = sought.sent_at
    return sent_at is not None and may_have_moved(exact_client, sought.division, since=sent_at)


def _stream(exact_client: ExactClient, sought: Outcome, after: int) -> Iterable[Row]:
    query = {"$filter": f"Timestamp gt {int64_literal(after)}", "$select": _SYNC_FIELDS}
    return exact_client.rows(sought.division, STREAM_PATH, query)


def _with_reference(services: Services, sought: Outcome, *, remember: bool) -> list[Row] | None:
    """Return the orders with this `YourRef`; None where Exact refuses to filter by it."""
    data = services.reference_store(sought.division)
    refused_at = data.noted_at(_FILTER_REFUSED)
    if refused_at and clock.now() - refused_at < _FILTER_AGAIN:
        return None
    query = {"$filter": f"YourRef eq {text_literal(sought.your_ref)}", "$select": _FIELDS}
    try:
        rows: list[Row] = list(
            services.exact(sought.division).rows(sought.division, ORDERS_PATH, query)
        )
    except Later as later:
        if later.code != "EXACT_OTHER_ANSWER":  # else nobody knows what Exact thinks of the filter
            raise
        return None
    except Review as review:
        if remember and all(each.code in _ABOUT_FILTERS for each in review.problems):
            data.note(_FILTER_REFUSED)
        return None
    wanted = sought.your_ref.strip().casefold()
    if any(RowReader(row).text("YourRef").casefold() != wanted for row in rows):
        raise not_about(sought.your_ref)
    return rows


def _marked(
    rows: Iterable[object], path: str, division: Division, connection: ConnectionId, order: OrderId
) -> tuple[ExactHeader, ...]:
    """Return each order once: the stream repeats the header's remarks on its lines.

    Raises `Review` for a row that may be the order and cannot be read: it must not be posted again.
    """
    found: dict[Guid, ExactHeader] = {}
    for row in rows:
        reader = RowReader(row)
        is_line = bool(reader.get("LineNumber") and reader.whole("LineNumber"))
        remarks = reader.long_text("Remarks")
        if not reader.has("Remarks"):
            reader.wrong.append("Remarks is absent")
        if is_line or (not reader.wrong and not is_marked_for(remarks, connection, order)):
            continue
        header = read_header(reader)
        if reader.wrong:
            raise refused(reader, path, division)
        found[header.id] = header
    return tuple(found.values())


def read_current(
    services: Services,
    division: Division,
    id: Guid,
    *,
    may_be_gone: bool = False,
) -> ExactOrder | None:
    """Return the order as `fetch_current` does, and store it."""
    found = fetch_current(services, division, id, may_be_gone=may_be_gone)
    store_current(services.exact_orders(division), id, found)
    return found


def fetch_current(
    services: Services,
    division: Division,
    id: Guid,
    *,
    may_be_gone: bool = False,
) -> ExactOrder | None:
    """Return the order as Exact holds it now, None when it is not there; two calls.

    `may_be_gone`: a removal of ours is under way. Raises `Later`, `Review` or `Halt` as the
    Exact client does.
    """
    exact_client = services.exact(division)
    key = f"PurchaseOrderID eq {guid_literal(id)}"
    query = {"$filter": key, "$select": HEADER_FIELDS}
    headers = _about(id, exact_client.rows(division, ORDERS_PATH, query))
    if not headers:
        if not may_be_gone and not services.exact_orders(division).is_deleted(id):
            _refuse_empty_division(exact_client, division, id)
        return None
    query = {"$filter": key, "$select": LINE_FIELDS}
    rows = _about(id, exact_client.rows(division, LINES_PATH, query))
    lines = [read_required(row, read_line, LINES_PATH, division) for row in rows]
    return read_required(headers[0], partial(read_order, lines=lines), ORDERS_PATH, division)


def _about(id: Guid, rows: Iterable[Row]) -> list[Row]:
    """Return the rows; raises `Later` when one is of another order: none of them is believed."""
    found = list(rows)
    if any(RowReader(row).key("PurchaseOrderID") != id for row in found):
        raise not_about(f"Exact order {id}")
    return found


def store_current(exact_orders: ExactOrders, id: Guid, found: ExactOrder | None) -> None:
    """Store an order as it was read, or that it is gone."""
    if found is None:
        exact_orders.mark_deleted(id)
    else:
        exact_orders.keep([found])


def _refuse_empty_division(exact_client: ExactClient, division: Division, id: Guid) -> None:
    """Raise `Review` when the division shows no purchase order at all.

    Exact may answer with an empty list where a right is missing: the order may still be there.
    """
    query = {"$select": "PurchaseOrderID", "$top": "1"}
    if not any(exact_client.rows(division, ORDERS_PATH, query)):
        raise Review([problem("EXACT_SHOWS_NOTHING", f"Exact order {id}")])
