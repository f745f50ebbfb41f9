"""Read Airbase's JSON into an `Order`, strictly: anything doubtful becomes a problem."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem, ReadPart, Review
from ml_connector.domain.ids import Division, OrderId, site_of
from ml_connector.domain.money import (
    AmountError,
    Money,
    MoneyForm,
    largest_amount,
    minor_digits,
    parse_amount,
    parse_number,
    round_to_cents,
    round_to_step,
)
from ml_connector.domain.orders.mapping import serving_division
from ml_connector.domain.orders.order import Order, OrderLine, Reference, Tag, read_part
from ml_connector.domain.texts import cleaned, has_control_characters, in_one_line
from ml_connector.infrastructure.json_paths import PathError, search
from ml_connector.settings.airbase_profile import AirbaseProfile, LineMap
from ml_connector.settings.connection import Connection

_MAX_TEXT_LENGTH = 4000
LONGEST_ID = 200
"""Characters of an id, code or name: DynamoDB takes no key of more than 1,024 bytes."""

_MAX_LINES = 5000
_BASIC = len("20261123")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PRICE_STEP = Decimal("0.00000001")

EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
"""The days that can be meant: Airbase is younger, and no service runs longer. Beyond them lie
blanks (0001-01-01, 9999-12-31), years with two digits, and numbers read as a year."""

_FLAGS = {"true": True, "false": False}

T = TypeVar("T")


def read_order(raw: Any, profile: AirbaseProfile, fallback_date: date) -> Order:
    """Return the order that Airbase's JSON describes.

    `fallback_date` (the day of approval) replaces an absent order date.
    Raises `Review` with all problems, not only the first.
    """
    reader = FieldReader(raw, profile)
    fields = profile.order
    number = reader.text(fields.number, "number", LONGEST_ID)
    reader.record = number or reader.record
    id = reader.required_text(fields.id, "id")
    reader.record = number or id or reader.record
    total, shown_total = reader.total(fields.total, fields.currency)
    order = Order(
        id=OrderId(id),
        number=number,
        state=reader.word(fields.state, profile.state_words, "state", "UNKNOWN_STATE", None),
        outcome=reader.word(
            fields.outcome,
            profile.outcome_words,
            "outcome",
            "UNKNOWN_OUTCOME",
            profile.outcome_when_absent,
        ),
        revision=reader.text(fields.revision, "revision", LONGEST_ID),
        subsidiary=reader.reference(fields.subsidiary, "subsidiary"),
        vendor=reader.reference(fields.vendor, "vendor"),
        total=total,
        description=reader.lines_of_text(fields.description, "description"),
        order_date=reader.day(fields.order_date, "order date") or fallback_date,
        receipt_date=reader.day(fields.receipt_date, "receipt date"),
        payment_condition=reader.text(fields.payment_condition, "payment condition", LONGEST_ID),
        tags=reader.tags(fields.tags),
        lines=tuple(reader.lines(fields.lines, fields.line, total.currency)),
    )
    if reader.problems:
        raise Review(reader.problems, read_part(number or id, order.vendor, shown_total))
    return order


def profile_for(
    raw: Any, connection: Connection, division: Division | None = None
) -> AirbaseProfile:
    """Return the profile with the time zone of the site to which the order or row belongs.

    That is the site of its `division`, if it is bound to one, else of the one that serves its
    subsidiary. An order of no site is read with the zone of the connection's first one.
    """
    profile = connection.profile
    if len(connection.zones) > 1 and not division:
        subsidiary = FieldReader(raw, profile).reference(profile.order.subsidiary, "subsidiary")
        serving = serving_division(subsidiary, connection)
        division = serving.division if serving else None
    zone = connection.zone_at(site_of(division) if division else None)
    return profile.model_copy(update={"time_zone": zone}) if zone != profile.time_zone else profile


def readable_part(raw: Any, profile: AirbaseProfile) -> ReadPart:
    """Return what lists show of an order, as far as it can be read; never raises."""
    reader, fields = FieldReader(raw, profile), profile.order
    title = _tried(lambda: reader.text(fields.number, "number", LONGEST_ID), "")
    title = title or _tried(lambda: reader.text(fields.id, "id", LONGEST_ID), "")
    vendor = _tried(lambda: reader.reference(fields.vendor, "vendor"), Reference())
    total = _tried(lambda: reader.total(fields.total, fields.currency)[1], "")
    return read_part(title, vendor, total)


def _tried(read: Callable[[], T], otherwise: T) -> T:
    try:
        return read()
    except Exception:  # noqa: BLE001  whatever it is, the other parts may be readable
        return otherwise


class FieldReader:
    """Applies field paths to one JSON object and collects its problems."""

    def __init__(
        self,
        raw: Any,
        profile: AirbaseProfile,
        record: str = "order",
        problems: list[Problem] | None = None,
    ) -> None:
        """Read `raw`, adding to `problems` if given."""
        self.raw = raw
        self.profile = profile
        self.record = record
        self.problems: list[Problem] = [] if problems is None else problems

    def find(self, path: str) -> Any:
        """Return the value at the path, or None."""
        try:
            return search(path, self.raw)
        except PathError as error:
            self.report("BAD_FIELD", "path", path=repr(path), error=str(error))
            return None

    def report(
        self, code: str, detail: str, /, evidence: Mapping[str, Any] | None = None, **values: Any
    ) -> None:
        """Add a problem of this object; see `exception_codes.problem`."""
        found = problem(code, self.record, detail, evidence=evidence, **values)
        self.problems.append(found)

    def text(self, path: str, what: str, longest: int = _MAX_TEXT_LENGTH) -> str:
        """Return the text at the path in one line, trimmed; empty when there is none."""
        return in_one_line(self._text(self.find(path), what, longest)).strip()

    def lines_of_text(self, path: str, what: str) -> str:
        """Return the text at the path, trimmed; it may have several lines."""
        return self._text(self.find(path), what)

    def _id(self, value: Any, what: str) -> str:
        """Return an id: it is never changed, so one with control characters is refused."""
        if isinstance(value, str) and has_control_characters(value.strip()):
            self.report("BAD_FIELD", "control_characters", _found(value), what=what)
            return ""
        return self._text(value, what, LONGEST_ID)

    def _text(self, value: Any, what: str, longest: int = _MAX_TEXT_LENGTH) -> str:
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            self.report("BAD_FIELD", "not_text", _found(value), what=what)
            return ""
        text = cleaned(str(value)).strip()
        if _SURROGATE.search(text):
            self.report("BAD_FIELD", "not_unicode", _found(value), what=what)
            return ""
        if len(text) > longest:
            self.report("BAD_FIELD", "too_long", what=what, length=len(text), longest=longest)
            return text[:longest]
        return text

    def required_text(self, path: str, what: str) -> str:
        """Return the text at the path; it is required."""
        before = len(self.problems)
        text = self._id(self.find(path), what)
        if not text:
            self._report_absent(what, before)
        return text

    def _report_absent(self, what: str, before: int, found: Any = None) -> None:
        """Report a missing value, unless what was read of it since `before` is reported already."""
        if len(self.problems) == before:
            evidence = None if found is None else _found(found)
            self.report("MISSING_FIELD", "absent", evidence, what=what)

    def word(self, path: str, words: Mapping[str, T], what: str, code: str, absent: T | None) -> T:
        """Return the meaning of the word at the path, `absent` when there is none."""
        value = self.text(path, what, LONGEST_ID)
        if not value and absent is not None:
            return absent
        found = words.get(value) or words.get(value.lower())
        if found is None:
            self.report(code, "word", {"found": value}, what=what, found=repr(value))
            return next(iter(words.values()))
        return found

    def flag(self, path: str, what: str, absent: bool) -> bool:
        """Return the boolean at the path, `absent` when there is none."""
        value = self.find(path)
        if value is None:
            return absent
        if isinstance(value, str):
            value = _FLAGS.get(value.strip().lower(), value)
        if not isinstance(value, bool):
            self.report("BAD_FIELD", "not_a_flag", _found(value), what=what)
        return value is True

    def reference(self, path: str, what: str) -> Reference:
        """Return the id, code and name at the path; one of them is required."""
        before = len(self.problems)
        value = self.find(path)
        if not isinstance(value, Mapping):
            self._report_absent(what, before, value)
            return Reference()
        reference = self._reference(value, what)
        if not reference.keys:
            self._report_absent(what, before)
        return reference

    def _reference(self, value: Mapping[str, Any], what: str) -> Reference:
        code, name = (
            in_one_line(self._text(value.get(key), f"{what}'s {key}", LONGEST_ID)).strip()
            for key in ("code", "name")
        )
        return Reference(self._id(value.get("id"), f"{what}'s id"), code, name)

    def currency(self, path: str) -> str:
        """Return the ISO code at the path, in capitals."""
        code = self.required_text(path, "currency").upper()
        if code and not (len(code) == 3 and code.isascii() and code.isalpha()):
            self.report("BAD_FIELD", "not_a_currency", found=repr(code))
        return code

    def total(self, path: str, currency_path: str) -> tuple[Money, str]:
        """Return the order's total; as text too, empty unless both parts could be read."""
        before = len(self.problems)
        currency = self.currency(currency_path)
        total = Money(self.amount(path, "total", currency), currency)
        return total, str(total) if len(self.problems) == before else ""

    def amount(self, path: str, what: str, currency: str) -> Decimal:
        """Return the amount at the path, in units; it is required."""
        before = len(self.problems)
        value = self.find(path)
        if value is None or value == "":
            self._report_absent(what, before)
            return Decimal(0)
        try:
            return parse_amount(value, currency, self.profile.money_form)
        except AmountError as error:
            self._report_amount(error, value, what, currency)
            return Decimal(0)

    def number(self, path: str, what: str) -> Decimal | None:
        """Return the number at the path, or None."""
        value = self.find(path)
        if value is None or value == "":
            return None
        try:
            return parse_number(value)
        except AmountError as error:
            self._report_amount(error, value, what)
            return None

    def _report_amount(self, error: AmountError, value: Any, what: str, currency: str = "") -> None:
        found = _short(value)
        self.report(
            "BAD_AMOUNT", error.reason, _found(value),
            what=what, found=found, currency=currency, largest=largest_amount(currency),
        )  # fmt: skip

    def day(self, path: str, what: str) -> date | None:
        """Return the calendar day at the path, or None."""
        value = self.find(path)
        if value is None or value == "":
            return None
        try:
            day = read_day(value, self.profile.time_zone)
        except ValueError:
            self.report("BAD_FIELD", "not_a_date", what=what, found=_short(value))
            return None
        if not EARLIEST <= day <= LATEST:
            self.report(
                "BAD_FIELD", "date_out_of_reach", _found(value), what=what, found=_short(value),
                earliest=EARLIEST, latest=LATEST,
            )  # fmt: skip
            return None
        return day

    def tags(self, path: str) -> tuple[Tag, ...]:
        """Return the tags at the path that have a value."""
        found = self.find(path) or []
        given = [tag for tag in found if tag is not None] if isinstance(found, list) else None
        if given is None or not all(isinstance(tag, Mapping) for tag in given):
            self.report("BAD_FIELD", "not_tags", _found(found))
            return ()
        read = [Tag(self._label(tag), self._reference(tag, "tag")) for tag in given]
        return tuple(tag for tag in read if tag.value.keys)

    def _label(self, tag: Mapping[str, Any]) -> str:
        return in_one_line(self._text(tag.get("dimension"), "tag's label", LONGEST_ID)).strip()

    def lines(self, path: str, fields: LineMap, currency: str) -> Sequence[OrderLine]:
        """Return the lines at the path, numbered in their order; one is required."""
        before = len(self.problems)
        found = self.find(path)
        if not isinstance(found, list) or not found:
            if len(self.problems) == before:
                self.report("MISSING_FIELD", "no_lines", _found(found))
            return []
        if len(found) > _MAX_LINES:
            self.report("BAD_FIELD", "too_many_lines", count=len(found), most=_MAX_LINES)
            return []
        return [
            self._line(position, raw, fields, currency)
            for position, raw in enumerate(found, start=1)
        ]

    def _line(self, position: int, raw: Any, fields: LineMap, currency: str) -> OrderLine:
        reader = FieldReader(raw, self.profile, f"{self.record}, line {position}", self.problems)
        amount, quantity, price = reader.price(fields, currency)
        return OrderLine(
            number=position,
            description=reader.lines_of_text(fields.description, "description"),
            gl_account=reader.reference(fields.gl_account, "GL account"),
            amount=amount,
            quantity=quantity,
            unit_price=price,
            vat_code=reader.text(fields.vat_code, "VAT code", LONGEST_ID),
            receipt_date=reader.day(fields.receipt_date, "receipt date"),
            tags=reader.tags(fields.tags),
        )

    def price(self, fields: LineMap, currency: str) -> tuple[Decimal, Decimal, Decimal]:
        """Return amount, quantity and unit price of a line; the product is the amount, to the cent.

        Compared only if all three could be read: one bad value is one problem.
        """
        before = len(self.problems)
        amount = self.amount(fields.amount, "amount", currency)
        quantity = self.number(fields.quantity, "quantity")
        quantity = Decimal(1) if quantity is None else quantity
        price = self._given_price(fields.unit_price, currency)
        if quantity <= 0:
            self.report("BAD_AMOUNT", "quantity", quantity=quantity)
        if len(self.problems) > before:
            return amount, quantity, amount
        if price is None:
            price = round_to_step(amount / quantity, _PRICE_STEP).normalize()
        if round_to_cents(price * quantity, currency) != amount:
            self.report("BAD_AMOUNT", "product", quantity=quantity, price=price, amount=amount)
        return amount, quantity, price

    def _given_price(self, path: str, currency: str) -> Decimal | None:
        """Return the unit price in units; it may have more decimals than an amount."""
        price = self.number(path, "unit price")
        if price is None or self.profile.money_form is MoneyForm.DECIMAL:
            return price
        return price.scaleb(-minor_digits(currency))


def read_day(value: Any, zone: str) -> date:
    """Return the calendar day, in the tenant's zone, of an ISO date or moment.

    Raises `ValueError` when the value is neither. A number is neither, as text too: `fromisoformat`
    reads 1795082400, seconds since 1970, as the year 1795.
    """
    if not isinstance(value, str) or (value.strip().isdigit() and len(value.strip()) != _BASIC):
        raise ValueError(f"{value!r} is not an ISO date")
    text = value.strip()
    if len(text) == len("2026-11-23"):
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    try:
        return (moment.astimezone(ZoneInfo(zone)) if moment.tzinfo else moment).date()
    except OverflowError:
        raise ValueError(f"{text} is outside the calendar in {zone}") from None


def _short(value: Any) -> str:
    return repr(value)[:80]


def _found(value: Any) -> Mapping[str, str]:
    return {"found": _short(value)}
