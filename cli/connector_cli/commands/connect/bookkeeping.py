"""Codes of new divisions, of Exact's own lists or left open, and the language of new sites."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from connector_cli.commands.connect.session import ConnectSession
from ml_connector.connections import setup
from ml_connector.connections.subsidiaries import Settings
from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import Division, SiteId, division_at, site_of
from ml_connector.domain.orders.reference_data import Code, CodeKind
from ml_connector.domain.words import command
from ml_connector.exact.client import ExactClient
from ml_connector.settings.exact_sites import LANGUAGES, Language
from ml_connector.user_errors import UserError

_OPEN = "-"
_LANGUAGES: tuple[str, ...] = get_args(Language)


@dataclass(frozen=True)
class _Choice:
    """A setting of a division that names a code; `if_open`: what follows without it."""

    setting: str
    kind: CodeKind
    name: str
    if_open: str


_CHOICES = (
    _Choice(
        "default_vat_code",
        "vat_code",
        "VAT code",
        "an order whose lines, GL accounts and supplier name none goes out without VAT",
    ),
    _Choice(
        "default_payment_condition",
        "payment_condition",
        "payment condition",
        "the order's own or the supplier's is used; in DE and ES an order without one waits",
    ),
)


@dataclass
class BookkeepingStep:
    """The step that asks for what divisions and sites need that were not connected before."""

    session: ConnectSession
    client_at: Callable[[SiteId], ExactClient]

    def choose(self, settings: Settings, known: frozenset[Division]) -> Settings:
        """Return the settings with the codes that were chosen; `known` divisions stay as they are.

        What stays open is in the report.
        """
        sites = [self._site(settings, site, known) for site in settings["sites"]]
        return {**settings, "sites": sites}

    def _site(self, settings: Settings, site: Settings, known: frozenset[Division]) -> Settings:
        divisions = [self._division(settings, site, each, known) for each in site["divisions"]]
        found = {**site, "divisions": divisions}
        name = setup.site_named(site)
        is_said = site.get("language") or settings.get("language")
        if is_said or not self.session.options.may_ask or name in map(site_of, known):
            return found
        question = f"Language of our words in the orders of Exact {name} ({', '.join(_LANGUAGES)})"
        proposal = LANGUAGES.get(name, "en")
        language = self.session.settle(question, "language in a file", _language, proposal)
        return {**found, "language": language}

    def _division(
        self,
        settings: Settings,
        site: Settings,
        entry: Mapping[str, Any],
        known: frozenset[Division],
    ) -> dict[str, Any]:
        division = division_at(setup.site_named(site), int(entry["division"]))
        found = dict(entry)
        for choice in _CHOICES:
            is_asked = division not in known and self.session.options.may_ask
            if not found.get(choice.setting) and is_asked:
                found[choice.setting] = self._ask(settings, division, found, choice)
        if not found.get("default_vat_code") and not found.get("mappings", {}).get("vat_codes"):
            self.session.report.left_open.append(f"{division}: default_vat_code")
        return found

    def _ask(
        self, settings: Settings, division: Division, entry: Mapping[str, Any], choice: _Choice
    ) -> str | None:
        """Return the chosen code; None to leave it open."""
        title = f"{division} {entry.get('name', '')}".strip()
        try:
            codes = setup.usable_codes(
                self.client_at(site_of(division)),
                division,
                choice.kind,
                amounts_include_vat=bool(settings.get("amounts_include_vat")),
            )
        except Fault as fault:
            self.session.print_line(f"{title}: its {choice.name}s cannot be read now: {fault}")
            return None
        if not codes:
            self.session.print_line(f"{title}: Exact shows no {choice.name} that can be used.")
            return None
        self.session.print_line(f"{choice.name[0].upper()}{choice.name[1:]}s of {title}:")
        self.session.print_table(("Code", "Description"), [(c.code, c.description) for c in codes])
        question = f"Default {choice.name} of {title} ({_OPEN}: leave it open; {choice.if_open})"
        return self.session.settle(
            question, f"{choice.setting} in a file", lambda text: _chosen(text, codes), _OPEN
        )


def _language(text: str) -> str:
    if (language := text.strip().lower()) not in _LANGUAGES:
        raise UserError(f"{text.strip()!r} is not one of {', '.join(_LANGUAGES)}")
    return language


def _chosen(text: str, codes: Sequence[Code]) -> str | None:
    if (code := text.strip()) == _OPEN:
        return None
    known = [each.code for each in codes]
    if code not in known:
        raise UserError(f"{code!r} is not one of the codes: {', '.join(known)}")
    return code


def open_lines(id: str, left_open: Sequence[str]) -> Iterator[str]:
    """Yield what to do about each division without a VAT code."""
    for each in left_open:
        division, _, setting = each.partition(": ")
        yield (
            f"{division} has no VAT code: lines whose GL account and supplier have none go out "
            f"without VAT. Set it: {command('connection', 'set', id, f'{division}.{setting}=CODE')}"
        )
