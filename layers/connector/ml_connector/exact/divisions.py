"""What Exact says of divisions themselves.

There are two lists, and some users may read only one of them. Codes above 10,000,000 are of a
Premium licence; one of these is its HQ, a view of several divisions, which is in no list.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault, Halt, Review
from ml_connector.domain.ids import Division, code_of
from ml_connector.exact.client import ExactClient
from ml_connector.exact.errors import ABOUT_ENDPOINTS
from ml_connector.exact.reference_data import (
    DIVISIONS_PATH,
    HRM_DIVISION_FIELDS,
    HRM_DIVISIONS_PATH,
    MOVE_FIELDS,
)
from ml_connector.exact.rows import RowReader

_PREMIUM_FROM = 10_000_000
# The date is in Exact's local time, and a move is noticed a day later.
_MARGIN = timedelta(days=7)


class ListedDivisions(Struct, frozen=True):
    """The rows of a list of divisions, and the path of the list; empty if none shows any."""

    path: str
    rows: list[dict[str, Any]]


def list_divisions(
    exact_client: ExactClient, division: Division, queries: Mapping[str, Mapping[str, str]]
) -> ListedDivisions:
    """Return the first list (of `queries`, by path) that Exact neither refuses nor shows empty.

    Raises `Later`, `Review` or `Halt` as the Exact client does; that a list is refused by itself
    only if no other shows anything.
    """
    refused: Fault | None = None
    for path, query in queries.items():
        try:
            rows = list(exact_client.rows(division, path, query))
        except (Halt, Review) as fault:
            if not is_about_endpoint(fault):
                raise
            refused = refused or fault
            continue
        if rows:
            return ListedDivisions(path, rows)
    if refused:
        raise refused
    return ListedDivisions("", [])


def is_about_endpoint(fault: Fault) -> bool:
    """Return whether Exact refused one endpoint, and perhaps not another one of the division."""
    if isinstance(fault, Halt):
        return fault.problem.code in ABOUT_ENDPOINTS
    return isinstance(fault, Review)


def may_be_virtual(code: int) -> bool:
    """Return whether a division that Exact does not list may be the HQ of a Premium licence."""
    return code > _PREMIUM_FROM


def virtual(code: int) -> Review:
    """Return the fault of a Premium division that is in no list."""
    return Review([problem("EXACT_VIRTUAL_DIVISION", f"Division {code}", division=code)])


def read_move(exact_client: ExactClient, division: Division) -> RowReader | None:
    """Return a reader of the division's `DivisionMoveDate`, which is empty if it never moved.

    None where Exact does not say: in `hrm/Divisions`, or in no list. Raises `Later`, `Review` or
    `Halt` as `list_divisions`, and `Review` for a virtual division.
    """
    wanted = {"$filter": f"Code eq {code_of(division)}"}
    queries = {
        DIVISIONS_PATH: {**wanted, "$select": MOVE_FIELDS},
        HRM_DIVISIONS_PATH: {**wanted, "$select": HRM_DIVISION_FIELDS},
    }
    found = list_divisions(exact_client, division, queries)
    if not found.rows and may_be_virtual(code_of(division)):
        raise virtual(code_of(division))
    return RowReader(found.rows[0]) if found.path == DIVISIONS_PATH else None


def may_have_moved(exact_client: ExactClient, division: Division, *, since: datetime) -> bool:
    """Return whether Exact moved the division after about `since`, or does not say.

    After a move its row versions start again: a cursor from before finds nothing new.
    """
    try:
        reader = read_move(exact_client, division)
    except (Halt, Review) as fault:
        if not is_about_endpoint(fault):
            raise
        return True
    if reader is None:
        return True
    moved = reader.day("DivisionMoveDate")
    return bool(reader.wrong) or (moved is not None and moved >= (since - _MARGIN).date())
