"""What Exact says of a division itself."""

from datetime import datetime, timedelta

from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division, code_of
from ml_connector.exact.client import ExactClient
from ml_connector.exact.reference_data import DIVISION_FIELDS, DIVISIONS_PATH
from ml_connector.exact.rows import RowReader

# The date is in Exact's local time, and a move is noticed a day later.
_MARGIN = timedelta(days=7)


def read_move(exact_client: ExactClient, division: Division) -> RowReader:
    """Return a reader of the division's `DivisionMoveDate`, empty if it never moved.

    Raises `Later`, `Review` or `Halt` as the Exact client does.
    """
    query = {"$filter": f"Code eq {code_of(division)}", "$select": DIVISION_FIELDS}
    rows = list(exact_client.rows(division, DIVISIONS_PATH, query))
    return RowReader(rows[0] if rows else {})


def may_have_moved(exact_client: ExactClient, division: Division, *, since: datetime) -> bool:
    """Return whether Exact moved the division after about `since`, or does not say.

    After a move its row versions start again: a cursor from before finds nothing new.
    """
    try:
        reader = read_move(exact_client, division)
    except Review:
        return True
    moved = reader.day("DivisionMoveDate")
    return bool(reader.wrong) or (moved is not None and moved >= (since - _MARGIN).date())
