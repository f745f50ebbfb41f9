"""Amounts, prices, days and moments as the readers of a language write them."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from ml_connector.languages.locales import Locale
from ml_connector.languages.texts import Texts

_AMOUNT = re.compile(r"([A-Z]{3}) (-?\d+(?:\.\d+)?)")


def amount(text: str | None, locale: Locale) -> str:
    """Return `EUR 5000.00` as its readers write it (`EUR 5,000.00`); another text as it is."""
    found = _AMOUNT.fullmatch(text or "")
    if not found:
        return text or ""
    number = locale.number(Decimal(found[2]))
    return locale.money.format(currency=found[1], number=number)


def price(value: object, locale: Locale, decimals: int = 2) -> str:
    """Return a number with these decimals at least, and all others that it has."""
    try:
        number = Decimal(str(value))
        plain = Decimal(f"{number.normalize():f}")
        exponent = plain.as_tuple().exponent
        short = isinstance(exponent, int) and -exponent < decimals
        return locale.number(plain.quantize(Decimal(1).scaleb(-decimals)) if short else plain)
    except (InvalidOperation, ValueError):
        return str(value)


def day(value: date | str, locale: Locale) -> str:
    """Return a day (of a moment: in UTC): `30 Nov 2026`."""
    on = datetime.fromisoformat(value) if isinstance(value, str) else value
    name = locale.months[on.month - 1]
    return locale.day.format(day=on.day, month=on.month, name=name, year=on.year)


def moment(value: datetime | str, locale: Locale) -> str:
    """Return a moment in UTC: `30 Nov 2026, 09:05`."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return locale.moment.format(day=day(at, locale), time=f"{at:%H:%M}")


def moment_in(texts: Texts, value: datetime | str) -> str:
    """Return a moment on the readers' clocks: `30 Nov 2026, 10:05 Europe/Amsterdam`.

    A text without a zone is in UTC.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415  the inbox has moments in UTC alone

    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return f"{moment(at.astimezone(ZoneInfo(texts.zone)), texts.locale)} {texts.zone}"
