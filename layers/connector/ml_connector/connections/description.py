"""A connection's settings in words, for a person who wants to know what is set."""

from collections.abc import Iterator

from ml_connector.connections.changes import own_settings
from ml_connector.domain.mapped_values import kind_in_words
from ml_connector.domain.words import command, counted
from ml_connector.settings.connection import Connection, ExactDivision, ExactSite

_SAID = ("name", "subsidiaries", "currency", "other_currencies")
_SAID_OF_DIVISION = (*_SAID, "division", "default_vat_code", "default_payment_condition")


def described(connection: Connection) -> Iterator[str]:
    """Yield lines about a connection with all its mappings: divisions first, then what is unusual.

    The latter are written as `connector connection set` takes them.
    """
    yield f"{connection.name or connection.id}, with Airbase at {connection.airbase_base_url}."
    for site in connection.sites:
        yield f"Exact at {_address(site)}:"
        for division in site.divisions:
            yield f"  {_division(division)}"
    said = {"name", "airbase_base_url"}
    said |= {f"{site.site}.{name}" for site in connection.sites for name in ("id", "exact_site")}
    said |= {f"{each.division}.{n}" for each in connection.divisions for n in _SAID_OF_DIVISION}
    own = {key: text for key, text in own_settings(connection).items() if key not in said}
    if own:
        yield f"Also set; {command('connection', 'set', connection.id, 'KEY=VALUE')} changes them:"
        yield from (f"  {key}={text}" for key, text in own.items())


def _address(site: ExactSite) -> str:
    return f"{site.site} ({site.exact_base_url})" if site.exact_base_url else site.site


def _division(division: ExactDivision) -> str:
    name = f" {division.name}" if division.name else ""
    serves = _listed(division.subsidiaries) or "no subsidiary any more"
    currencies = _listed((division.currency, *division.other_currencies))
    vat, condition = division.default_vat_code, division.default_payment_condition
    return (
        f"{division.division}{name} serves {serves}, in {currencies}. "
        f"VAT code (default_vat_code): {vat or 'only if something names one'}; payment condition "
        f"(default_payment_condition): {condition or 'that of the supplier'}. "
        f"Mapped: {_mapped(division)}."
    )


def _mapped(division: ExactDivision) -> str:
    counts = [
        counted(len(table), kind_in_words(kind))
        for kind, table in division.mappings.tables()
        if table
    ]
    return _listed(counts) or "nothing"


def _listed(words: tuple[str, ...] | list[str]) -> str:
    *others, last = words or [""]
    return f"{', '.join(others)} and {last}" if others else last
