"""One run of `connector connect`: what was wished, what was found, and whom it may ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector_cli.commands.common import ask
from connector_cli.commands.consenting import Way
from connector_cli.complaints import Complaint
from connector_cli.printing import say, say_table


class Missing(Complaint):
    """Something that only a person, an option or a variable can give."""


@dataclass
class Wish:
    """What was asked for on the command line."""

    divisions: Mapping[int, Sequence[str]]
    way: Way
    yes: bool
    show_secrets: bool
    silent: bool


@dataclass
class Report:
    """What was found and done, for `--json`; it holds no secret."""

    connection: str
    complete: bool = False
    changed: bool = False
    missing: list[str] = field(default_factory=list)
    consent: dict[str, Any] | None = None
    consented_by: str = ""
    divisions: list[dict[str, Any]] = field(default_factory=list)
    subsidiaries: list[dict[str, Any]] = field(default_factory=list)
    webhooks: dict[str, str] = field(default_factory=dict)
    webhook_secrets_made: list[str] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Run:
    """A run; a silent one asks nobody and prints nothing but its report."""

    wish: Wish
    report: Report

    def asked(self, what: str, option: str, default: str = "") -> str:
        """Ask a person; raises `Complaint` naming the option when nobody is there."""
        otherwise = f"{option} is missing and there is nobody to ask"
        if self.wish.silent:
            raise Missing(otherwise)
        return ask(what, otherwise, default)

    def say(self, text: str) -> None:
        """Tell a person."""
        if not self.wish.silent:
            say(text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show a person a table, unless it is empty."""
        if not self.wish.silent and rows:
            say_table(columns, rows)
