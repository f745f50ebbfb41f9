"""Check the Airbase side of a mapping against what Airbase's lists and orders have shown."""

from collections.abc import Callable, Iterator
from functools import cached_property

from rapidfuzz import fuzz, process

from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import Division
from ml_connector.lists.known_codes import KnownCodes, spreadsheet_form
from ml_connector.mapping.usage import AirbaseUsage

_LEAST_SIMILARITY = 80.0


class AirbaseCodes:
    """The values that Airbase has shown, read when first asked for."""

    def __init__(self, read: Callable[[], AirbaseUsage]) -> None:
        """`read` asks Airbase; what it shows is complete only for values that are in use."""
        self._read = read
        self._why = ""
        self._known: dict[tuple[Division | None, str], KnownCodes] = {}

    @property
    def why_unknown(self) -> Iterator[str]:
        """Yield why Airbase's side was not checked, if it was not."""
        if self._why:
            yield f"the Airbase side was not checked: {self._why}"

    def shown(self, division: Division | None, kind: str) -> KnownCodes | None:
        """Return the ids, codes and names of a kind; None if Airbase cannot be read now."""
        if self._usage is None:
            return None
        key = (division, kind)
        if key not in self._known:
            self._known[key] = KnownCodes(sorted(self._usage.shown(division, kind)))
        return self._known[key]

    @cached_property
    def _usage(self) -> AirbaseUsage | None:
        try:
            return self._read()
        except Fault as fault:
            self._why = str(fault)
            return None


def unknown_note(cell: str, text: str, shown: KnownCodes) -> str:
    """Return what to say about a value that is in none of Airbase's lists and orders."""
    note = f"cell {cell}: {text!r} is unknown so far: no list and no order of Airbase has shown it"
    if form := spreadsheet_form(text):
        note += f"; it looks like {form}"
    likely = shown.possible(text)
    if not likely:
        found = process.extractOne(
            text, list(shown), scorer=fuzz.ratio, score_cutoff=_LEAST_SIMILARITY
        )
        likely = [found[0]] if found else []
    return f"{note}; is it {' or '.join(map(repr, likely[:3]))}?" if likely else note
