"""One run of `connector connect`: its options, what it found, and who it may ask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import typer

from connector_cli.commands.common import (
    SET_IT,
    NoInputError,
    ask,
    ask_secret,
    is_at_terminal,
    is_confirmed,
)
from connector_cli.commands.consent import ConsentOptions
from connector_cli.printing import print_error, print_line, print_table
from ml_connector.connections.setup import NoDivisionError
from ml_connector.domain.words import command
from ml_connector.user_errors import UserError

ATTEMPTS = 3
"""How often a person at a terminal may answer a question."""
STEPS = 8
T = TypeVar("T")


class MissingInputError(UserError):
    """Something that only a person, an option or an environment variable can give."""


@dataclass
class ConnectOptions:
    """The command's options; a silent run asks nothing and prints only JSON."""

    divisions: Mapping[str, Sequence[str]]
    consent: ConsentOptions
    yes: bool
    drops: bool
    show_secrets: bool
    shares_app: bool
    is_silent: bool

    @property
    def may_ask(self) -> bool:
        """Return whether questions are asked that have a proposal."""
        return not (self.yes or self.is_silent)


@dataclass
class ConnectReport:
    """What was found and done, for `--json`; it holds no secret."""

    connection: str
    complete: bool = False
    changed: bool = False
    differences: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    consent: dict[str, Any] | None = None
    sites: list[dict[str, Any]] = field(default_factory=list)
    divisions: list[dict[str, Any]] = field(default_factory=list)
    unreadable_divisions: list[str] = field(default_factory=list)
    subsidiaries: list[dict[str, Any]] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    webhooks: dict[str, str] = field(default_factory=dict)
    webhook_secrets_made: list[str] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    next: list[str] = field(default_factory=list)


@dataclass
class ConnectSession:
    """The options and the report of one run.

    `missing`: the variables of secrets that have to be given. `kept`: what the next run finds.
    """

    options: ConnectOptions
    report: ConnectReport
    missing: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    _steps: int = 0

    def begin_step(self, title: str) -> None:
        """Print the number and the title of the next step, where its questions are printed."""
        self._steps += 1
        if not self.options.is_silent:
            typer.echo(f"Step {self._steps} of {STEPS}: {title}", err=True)

    def keep(self, what: str, state: str = "") -> None:
        """Note that the next run finds this, in this state."""
        self.kept[what] = f"{what} ({state})" if state else what

    def explain_kept(self) -> None:
        """Say what the next run finds, after an early end."""
        if self.options.is_silent:
            return
        id = self.report.connection
        what = f"Kept: {', '.join(self.kept.values())}." if self.kept else "Nothing was kept."
        print_error(f"{what} Go on with: {command('connect', id)}")

    def ask(self, question: str, option: str, default: str = "") -> str:
        """Ask a person; raise `MissingInputError` naming the option where nobody answers."""
        missing = f"input needed: pass {option}"
        if self.options.is_silent:
            raise MissingInputError(missing)
        try:
            return ask(question, missing, default)
        except NoInputError:
            raise MissingInputError(missing) from None

    def ask_secret(self, question: str, name: str) -> str:
        """Ask for the secret of a variable; raise `MissingInputError` naming all that is missing.

        An answer may be empty.
        """
        return self._answer_for(name, lambda: ask_secret(question, ""))

    def ask_variable(self, question: str, name: str) -> str:
        """Ask for what a variable holds and may be shown, as `ask_secret`."""
        return self._answer_for(name, lambda: ask(question, ""))

    def _answer_for(self, name: str, ask_person: Callable[[], str]) -> str:
        missing = [each for each in self.missing if each != name]
        lines = [f"{each} is not set; {SET_IT}" for each in (name, *missing)]
        if self.options.is_silent:
            raise MissingInputError(*lines)
        try:
            answer = ask_person()
        except NoInputError:
            raise MissingInputError(*lines) from None
        self.missing = missing
        return answer

    def is_confirmed(self, question: str, no_input: str) -> bool:
        """Ask for a yes, which is the default, or a no."""
        return is_confirmed(question, no_input, default=True)

    def until_usable(self, attempt: Callable[[int], T]) -> T:
        """Return what the attempt returns; a person at a terminal may try again.

        The attempt is told its number, from 0. Its `UserError` is shown, and raised at the end.
        """
        last = (ATTEMPTS if self.may_try_again else 1) - 1
        for number in range(last):
            try:
                return attempt(number)
            except (MissingInputError, NoDivisionError):
                raise
            except UserError as error:
                for line in error.lines:
                    print_error(line)
        return attempt(last)

    @property
    def may_try_again(self) -> bool:
        """Return whether a wrong answer is asked again."""
        return not self.options.is_silent and is_at_terminal()

    def settle(self, question: str, option: str, read: Callable[[str], T], default: str = "") -> T:
        """Ask until `read` can use the answer, as `until_usable`."""
        return self.until_usable(lambda _: read(self.ask(question, option, default)))

    def print_line(self, text: str) -> None:
        """Print a line, unless the run is silent."""
        if not self.options.is_silent:
            print_line(text)

    def print_table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table, unless it is empty or the run is silent."""
        if not self.options.is_silent and rows:
            print_table(columns, rows)
