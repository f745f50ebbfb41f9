"""Preview which vendors would be linked, from two exported lists: offline, without a connection."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from connector_cli.actions.vendors.offline_lists import read_list, write_decisions
from connector_cli.complaints import Complaint
from ml_connector.vendors.matching import match
from ml_connector.vendors.party import Verdict

Steps = Callable[[str, int], Callable[[int], None]]


def preview(airbase: Path, exact: Path, out: Path, steps: Steps) -> Counter[Verdict]:
    """Match two CSV files into a third; return how many vendors got each verdict.

    `steps(what, total)` returns what is told how far it is. Raises `Complaint` for a bad file,
    and has then written nothing.
    """
    if out.resolve() in {airbase.resolve(), exact.resolve()}:
        raise Complaint(f"{out}: is one of the lists; write the result to another file")
    if not out.parent.is_dir():
        raise Complaint(f"{out.parent}: no such folder")
    vendors, suppliers = read_list(airbase), read_list(exact)
    decisions = match(vendors, suppliers, steps("Matching", len(vendors)))
    write_decisions(out, decisions)
    return Counter(decision.verdict for decision in decisions)
