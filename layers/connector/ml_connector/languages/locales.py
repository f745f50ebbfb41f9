"""How each language writes numbers, days and ages, as CLDR has it."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct


class Locale(Struct, frozen=True):
    """One language: its own name, the marks in numbers, and the order of what belongs together."""

    name: str
    group: str
    decimal: str
    money: str
    """With `currency` and `number`."""
    day: str
    """With `day`, `month` (its number) and `name` (of the month), and `year`."""
    moment: str
    """With `day`, as above, and `time`."""
    months: tuple[str, ...]
    ages: tuple[str, str, str]
    """Days, hours and minutes, short."""

    def number(self, value: Decimal | int) -> str:
        """Return a number with its thousands apart, and the decimals that it has."""
        whole, _, rest = f"{value:,}".partition(".")
        return whole.replace(",", self.group) + (self.decimal + rest if rest else "")


def _months(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LOCALES: Mapping[str, Locale] = {
    "en": Locale(
        "English", ",", ".", "{currency} {number}", "{day} {name} {year}", "{day}, {time}",
        _months("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"), ("d", "h", "min"),
    ),
    "nl": Locale(
        "Nederlands", ".", ",", "{currency} {number}", "{day} {name} {year}", "{day}, {time}",
        _months("jan feb mrt apr mei jun jul aug sep okt nov dec"), ("d", "u", "min"),
    ),
    "de": Locale(
        "Deutsch", ".", ",", "{number} {currency}", "{day:02}.{month:02}.{year}", "{day}, {time}",
        _months("Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez."),
        ("Tg.", "Std.", "Min."),
    ),
    "fr": Locale(
        "Français", "\u202f", ",", "{number} {currency}", "{day} {name} {year}", "{day} à {time}",
        _months("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        ("j", "h", "min"),
    ),
}  # fmt: skip
"""The languages of the pages; the first is the source."""
