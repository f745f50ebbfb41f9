"""Rows of Exact's answers, read field by field: the one place that says which values are readable.

Exact's rows may have fields that are null, absent or of another type. What has one plain meaning is
read (a number as text, an ISO date); anything else is named in words, and the row is set aside or
refused as a whole, never guessed.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division, Guid
from ml_connector.exact.odata import guid
from ml_connector.telemetry import redact_text

Row = Mapping[str, Any]
T = TypeVar("T")

_NO_KEY = Guid("00000000-0000-0000-0000-000000000000")
_KEYS = ("ID", "PurchaseOrderID", "EntityKey")
_NAMES = (
    "Code", "OrderNumber", "LineNumber", "Name", "FullName", "Topic", "Description",
)  # fmt: skip
_HIGHEST = 2**63 - 1
_SHOWN, _LONGEST_NAME, _LONGEST_WRONG = 60, 80, 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS = re.compile(r"/Date\((-?\d{1,15})([+-]\d{4})?\)/")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_TOO_LARGE = Decimal(10) ** 15
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_TEXT = 200
_WHOLE = re.compile(r"[+-]?\d{1,19}(\.0+)?", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Oddity(Struct, frozen=True):
    """A row of which something cannot be read.

    `wrong` says what, in words. `identity` is the row's key, else its row version, else a digest;
    `name` is what people call it, as far as it can be read.
    """

    identity: str
    name: str
    key: str
    version: int | None
    wrong: str


class RowReader(Struct):
    """Reads the fields of one row; what cannot be read is added to `wrong`, in words."""

    row: object
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Note a row that is no object."""
        if not isinstance(self.row, Mapping):
            self.wrong.append(f"the row is {_shown(self.row)}, not an object")
        elif not self.row:
            self.wrong.append("the row has no fields")

    def get(self, name: str) -> Any:
        """Return the raw value of a field, None when it is absent."""
        return self.row.get(name) if isinstance(self.row, Mapping) else None

    def has(self, name: str) -> bool:
        """Return whether the row has the field, null or not."""
        return isinstance(self.row, Mapping) and name in self.row

    def key(self, name: str) -> Guid:
        """Return the row's own key, which is required; empty when it cannot be read."""
        found = self.optional_key(name)
        if not found and not self._is_odd(name):
            self._odd(name, "a key")
        return found or Guid("")

    def optional_key(self, name: str) -> Guid | None:
        """Return the key of another record; None when the field is empty or all zeros."""
        value = self.get(name)
        if value is None or value == "":
            return None
        try:
            found = guid(value.removeprefix("guid").strip("'")) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None:
            self._odd(name, "a key")
        return None if found == _NO_KEY else found

    def text(self, name: str) -> str:
        """Return the trimmed text of a short field, empty when there is none.

        Exact pads codes: those of accounts left to 18, those of VAT right to 3.
        """
        found = self.long_text(name).strip()
        if len(found) > _LONGEST_TEXT:
            self._odd(name, f"a text of at most {_LONGEST_TEXT} characters")
            return ""
        return found

    def code(self, name: str) -> str:
        """Return a code by which records are found: it is required."""
        found = self.text(name)
        if not found and not self._is_odd(name):
            self._odd(name, "a code")
        return found

    def long_text(self, name: str) -> str:
        """Return a text of any length as it is, empty when there is none; numbers are texts too."""
        value = self.get(name)
        if value is None:
            return ""
        if isinstance(value, str) and not _SURROGATE.search(value):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _text_of_number(value)
        self._odd(name, "a text")
        return ""

    def flag(self, name: str, *, absent: bool = False) -> bool:
        """Return a boolean, `absent` when there is none."""
        value = self.get(name)
        if value is None or value == "":
            return absent
        found = value if isinstance(value, bool) else _FLAGS.get(_plain(value).lower())
        if found is None:
            self._odd(name, "true or false")
        return absent if found is None else found

    def whole(self, name: str, *, absent: int = 0) -> int:
        """Return a whole number, `absent` when there is none."""
        value = self.get(name)
        if value is None or value == "":
            return absent
        if not _WHOLE.fullmatch(_plain(value)):
            self._odd(name, "a whole number")
            return absent
        return int(_plain(value).partition(".")[0])

    def required_whole(self, name: str) -> int:
        """Return a whole number that is required."""
        if self.get(name) in (None, ""):
            self._odd(name, "a whole number")
        return self.whole(name)

    def number(self, name: str) -> Decimal | None:
        """Return a number, None when there is none; Exact's doubles are read as written."""
        value = self.get(name)
        if value is None or value == "":
            return None
        try:
            return _decimal(value)
        except ValueError:
            self._odd(name, "a number")
            return None

    def day(self, name: str) -> date | None:
        """Return the day of a date-only field (midnight), None when there is none.

        0001-01-01 is how .NET writes no date.
        """
        value = self.get(name)
        if value is None or value == "":
            return None
        try:
            found = _day(value)
        except (ValueError, OverflowError):
            self._odd(name, "a date")
            return None
        return None if found == date.min else found

    def version(self) -> int | None:
        """Return the row version (`Timestamp`) of a `sync/*` row; None when it cannot be read."""
        text = _plain(self.get("Timestamp"))
        if not _WHOLE.fullmatch(text) or not 0 < (found := int(text.partition(".")[0])) < _HIGHEST:
            self._odd("Timestamp", "a row version")
            return None
        return found

    def odd(self) -> Oddity:
        """Return the row as one that cannot be read."""
        quiet = RowReader(self.row)
        key = next((str(found) for n in _KEYS if (found := quiet.optional_key(n))), "")
        if key and (line := quiet.optional_key("ID")) and str(line) != key:
            key = f"{key} {line}"
        version = quiet.version()
        names = [text for n in _NAMES if (text := quiet.text(n)) not in ("", "0")]
        name = (
            " ".join(names)[:_LONGEST_NAME] or key or (f"row version {version}" if version else "")
        )
        content = sha256(repr(self.row).encode(errors="replace")).hexdigest()[:16]
        identity = key or (f"version {version}" if version else f"content {content}")
        wrong = redact_text("; ".join(dict.fromkeys(self.wrong)))[:_LONGEST_WRONG]
        return Oddity(identity, redact_text(name) or "row without a name", key, version, wrong)

    def _is_odd(self, name: str) -> bool:
        return any(each.startswith(f"{name} ") for each in self.wrong)

    def _odd(self, name: str, wanted: str) -> None:
        value = self.get(name)
        what = "empty" if value is None or value == "" else f"{_shown(value)}, not {wanted}"
        self.wrong.append(f"{name} is {what}")


class ReadRow(Struct, Generic[T], frozen=True):
    """What was read of one row. `odd`: something could not be read; `wrong`: of `value` itself."""

    value: T
    version: int | None
    row: object
    wrong: str = ""
    odd: Oddity | None = None

    @property
    def identities(self) -> set[str]:
        """Return every identity that an `Oddity` of this row may have."""
        found = RowReader(self.row).odd()
        return {found.identity, f"version {found.version}", found.key} - {""}


def read_rows(rows: Iterable[object], read: Callable[[RowReader], T]) -> list[ReadRow[T]]:
    """Read the rows of a `sync/*` stream, each by itself; none stops the others."""
    return [_read(row, read, has_version=True) for row in rows]


def read_listed(rows: Iterable[object], read: Callable[[RowReader], T]) -> list[ReadRow[T]]:
    """Read the rows of an endpoint without row versions, each by itself."""
    return [_read(row, read, has_version=False) for row in rows]


def _read(row: object, read: Callable[[RowReader], T], *, has_version: bool) -> ReadRow[T]:
    reader = RowReader(row)
    value = read(reader)
    odd = reader.odd() if reader.wrong else None
    wrong = odd.wrong if odd else ""
    version = reader.version() if has_version else None
    if reader.wrong:
        odd = reader.odd()
    return ReadRow(value, version, row, wrong, odd)


def read_required(row: object, read: Callable[[RowReader], T], path: str, division: Division) -> T:
    """Return what a row that is needed now describes.

    Raises `Review` with ROW_UNREADABLE when any of it cannot be read.
    """
    reader = RowReader(row)
    value = read(reader)
    if reader.wrong:
        raise refused(reader, path, division)
    return value


def refused(reader: RowReader, path: str, division: Division) -> Review:
    """Return the fault of a row that is needed now and cannot be read."""
    odd = reader.odd()
    what = f"{path} {odd.name} in division {division}"
    return Review([problem("EXACT_RECORD_UNREADABLE", what, what=what, wrong=odd.wrong)])


def _text_of_number(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)


def _plain(value: object) -> str:
    """Return a number or text as text; empty for any other type, which is never readable."""
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value).strip() if is_plain else ""


def _decimal(value: object) -> Decimal:
    """Return a finite number; Exact's doubles carry noise in any number of digits."""
    text = _plain(value)
    if not _NUMBER.fullmatch(text) or abs(found := Decimal(text)) >= _TOO_LARGE:
        raise ValueError(text)
    return found


def _day(value: object) -> date:
    """Return the day of `/Date(ms)/` or of an ISO date or moment; raises `ValueError`."""
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004  one error for all that is no date
    text = value.strip()
    if found := _TICKS.fullmatch(text):
        return _day_of_ticks(int(found[1]), found[2] or "")
    if len(text) == len("2026-06-25"):
        return date.fromisoformat(text)
    return datetime.fromisoformat(text).date()


def _day_of_ticks(milliseconds: int, offset: str) -> date:
    """Return the day at whose start the ticks lie: in UTC, or in the zone of the offset."""
    utc = _EPOCH + timedelta(milliseconds=milliseconds)
    if not offset:
        return utc.date()
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    local = utc + timedelta(minutes=minutes if offset[0] == "+" else -minutes)
    return local.date() if local.time() == time() else utc.date()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
