"""How pages write amounts, moments, ages and codes."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlencode

from ml_connector import clock
from ml_connector.domain.money import round_to_cents
from ml_connector.languages.exception_texts import heading
from ml_connector.languages.figures import amount, day, moment
from ml_connector.languages.locales import Locale

_LONGEST_JSON = 4_000


def money(currency: str, number: Decimal) -> str:
    """Return `EUR 5000.00`, with the decimals of the currency."""
    return f"{currency} {round_to_cents(number, currency):f}"


def amounts(sums: Mapping[str, Decimal]) -> list[str]:
    """Return the sum of each currency, as `money`."""
    return [money(currency, total) for currency, total in sorted(sums.items())]


def month(value: str, locale: Locale) -> str:
    """Return a month such as `2026-11`: `Nov 2026`."""
    year, _, number = value.partition("-")
    return f"{locale.months[int(number) - 1]} {year}"


def age(value: datetime | str, locale: Locale) -> str:
    """Return how long ago it was, in the largest unit: `3 d`, `5 h`, `12 min`."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    minutes = max(0, int((clock.now() - at).total_seconds())) // 60
    days, hours, short = locale.ages
    if minutes >= 1440:
        return f"{minutes // 1440} {days}"
    return f"{minutes // 60} {hours}" if minutes >= 60 else f"{minutes} {short}"


def indented(value: Any) -> str:
    """Return a value as indented JSON, cut when it is long."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_JSON else f"{text[:_LONGEST_JSON]}\n…"


def shown(text: str) -> str:
    """Return a text without what cannot be seen: a remote may send anything."""
    return "".join(c for c in text if c.isprintable() or c == "\n")


def record_address(connection: str, key: str, **more: str) -> str:
    """Return the address of a record's page."""
    return "/record?" + urlencode({"of": connection, "key": key, **more})


def group_address(connection: str, group: str, **more: str) -> str:
    """Return the address of a group's page."""
    return "/group?" + urlencode({"of": connection, "group": group, **more})


def deed_address(connection: str, key: str) -> str:
    """Return the address of the page of something that was asked for."""
    return "/deed?" + urlencode({"of": connection, "deed": key.partition("#")[2]})


def query_of(query: Mapping[str, str | None]) -> str:
    """Return a query, without what is not given."""
    return urlencode({name: value for name, value in query.items() if value is not None})


def paged(query: Mapping[str, str | None], begin: int) -> str:
    """Return the query of another page of the same list."""
    return query_of({**query, "from": str(max(0, begin))})


def filters(locale: Locale) -> dict[str, Callable[..., Any]]:
    """Return the filters of the templates in a language, by name."""
    by_locale: dict[str, Callable[..., Any]] = {
        "amount": amount,
        "day": day,
        "month": month,
        "moment": moment,
        "age": age,
    }
    return {
        **{name: partial(each, locale=locale) for name, each in by_locale.items()},
        "number": locale.number,
        "heading": heading,
        "indented": indented,
        "shown": shown,
    }
