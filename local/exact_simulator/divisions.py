"""The lists of divisions: what the user reaches, and what `current/Me` says of it."""

from collections.abc import Mapping

from local.exact_simulator.answers import Shape, collection
from local.exact_simulator.context import CallContext
from local.exact_simulator.listing import page
from local.exact_simulator.odata_query import read_filter
from local.exact_simulator.texts import LANGUAGES
from local.exact_simulator.world import Division, Row, World
from local.simulator import Request, Response

SYSTEM, HRM = "system/Divisions", "hrm/Divisions"
LISTS = frozenset({SYSTEM, "system/AllDivisions", HRM})


def read_divisions(context: CallContext, endpoint: str) -> Response:
    """Answer a list of divisions.

    `hrm/Divisions` has no date of a move. The virtual one ("HQ" of Premium) is in no list.
    """
    listed = [d for d in context.world.divisions.values() if d.in_scope and not d.is_virtual]
    shape = context.shape(endpoint, "Code")
    rows: list[Mapping[str, object]] = [
        _row(context.world, endpoint, division, is_main=index == 0)
        for index, division in enumerate(listed)
    ]
    if text := context.request.query.get("$filter"):
        rows = [row for row in rows if read_filter(endpoint, text).matches(row)]
    return page(context, shape, rows, context.policy.page_size)


def _row(world: World, endpoint: str, division: Division, *, is_main: bool) -> Row:
    row: Row = {
        "Code": division.code,
        "Description": division.description,
        "Country": division.country.ljust(3),
        "Currency": division.currency,
        "BlockingStatus": 100 if division.blocked else 0,
        "Status": 1,
    }
    if endpoint == HRM:
        return row | {"Main": is_main}
    return row | {
        "Current": division.code == world.current_division,
        "DivisionMoveDate": division.moved_at,
        "IsMainDivision": is_main,
    }


def read_me(world: World, request: Request, *, as_json: bool) -> Response:
    """Answer current/Me: a list with the user."""
    local = world.local()
    offset = local.utcoffset()
    row: Row = {
        "UserID": world.user_id,
        "CurrentDivision": world.current_division,
        "AccountingDivision": world.current_division,
        "FullName": world.user_name,
        "UserName": world.user_name,
        "Language": world.language,
        "LanguageCode": LANGUAGES[world.language],
        "ServerTime": f"{local:%Y-%m-%dT%H:%M:%S}",
        "ServerUtcOffset": 0.0 if offset is None else offset.total_seconds(),
    }
    shape = Shape("current/Me", request.origin, None, "UserID")
    return collection([shape.write(row)], None, bare=False, as_json=as_json)
