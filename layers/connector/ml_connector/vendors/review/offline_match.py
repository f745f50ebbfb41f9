"""Match two exported lists offline, without a connection, to preview the links."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ml_connector.domain.matching.matcher import match
from ml_connector.domain.matching.party import MatchOutcome
from ml_connector.user_errors import UserError
from ml_connector.vendors.review.offline_lists import read_list, write_decisions

StartProgress = Callable[[str, int], Callable[[int], None]]


def preview(
    airbase: Path, exact: Path, out: Path, start_progress: StartProgress
) -> Counter[MatchOutcome]:
    """Match two CSV files into a third; return how many vendors got each outcome.

    `start_progress(what, total)` returns the progress callback. Raise `UserError` for an invalid
    file; nothing is written then.
    """
    if out.resolve() in {airbase.resolve(), exact.resolve()}:
        raise UserError(f"{out}: is one of the lists; write the result to another file")
    if not out.parent.is_dir():
        raise UserError(f"{out.parent}: no such folder")
    vendors, suppliers = read_list(airbase), read_list(exact)
    decisions = match(vendors, suppliers, start_progress("Matching", len(vendors)))
    write_decisions(out, decisions, vendors, suppliers)
    return Counter(decision.outcome for decision in decisions)
