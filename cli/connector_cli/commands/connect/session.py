"""One run of `connector connect`: its options, what it found, and who it may ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector_cli.commands.common import ask
from connector_cli.commands.consent import ConsentOptions
from connector_cli.printing import print_line, print_table
from ml_connector.user_errors import UserError


class MissingInputError(UserError):
    """Something that only a person, an option or an environment variable can give."""


@dataclass
class ConnectOptions:
    """The command's options; a silent run asks nothing and prints only JSON."""

    divisions: Mapping[int, Sequence[str]]
    consent: ConsentOptions
    yes: bool
    show_secrets: bool
    shares_app: bool
    is_silent: bool


@dataclass
class ConnectReport:
    """What was found and done, for `--json`; it holds no secret."""

    connection: str
    complete: bool = False
    changed: bool = False
    missing: list[str] = field(default_factory=list)
    consent: dict[str, Any] | None = None
    consented_by: str = ""
    divisions: list[dict[str, Any]] = field(default_factory=list)
    unreadable_divisions: list[str] = field(default_factory=list)
    subsidiaries: list[dict[str, Any]] = field(default_factory=list)
    webhooks: dict[str, str] = field(default_factory=dict)
    webhook_secrets_made: list[str] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class ConnectSession:
    """The options and the report of one run."""

    options: ConnectOptions
    report: ConnectReport

    def ask(self, question: str, option: str, default: str = "") -> str:
        """Ask a person; raise `MissingInputError` naming the option in a silent run."""
        if self.options.is_silent:
            raise MissingInputError(f"input needed: pass {option}")
        return ask(question, f"input needed: pass {option}", default)

    def print_line(self, text: str) -> None:
        """Print a line, unless the run is silent."""
        if not self.options.is_silent:
            print_line(text)

    def print_table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table, unless it is empty or the run is silent."""
        if not self.options.is_silent and rows:
            print_table(columns, rows)
