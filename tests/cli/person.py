"""A person at a terminal: reads each question of the command and types an answer to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest
import typer
from typer._click import termui

from connector_cli.commands import common, connection
from connector_cli.commands.connect import session
from connector_cli.main import app
from local.in_memory.environment import InMemoryEnvironment
from ml_connector.consent import redirect
from ml_connector.domain.ids import Actor
from tests.cli.terminal import SECRETS
from tests.person_stack import PersonStack

CTRL_C = "\x03"
Answers = Sequence[tuple[str, str]]
"""Part of each question, in their order, with the answer; `CTRL_C` interrupts."""


@dataclass
class Person:
    """Runs commands on the in-memory stack, each as a process of its own would.

    Exact's consent is given in a browser when its address is opened.
    """

    env: InMemoryEnvironment
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    pages: list[str] = field(default_factory=list)
    """How each consent ended that was given in the browser."""
    asked: list[str] = field(default_factory=list)
    """Every question of the last run."""
    typed: set[str] = field(default_factory=set)
    """Everything that was ever typed and not shown."""

    def __post_init__(self) -> None:
        self.patch.setattr(common, "open_stack", lambda _: PersonStack(self.env))
        for each in (session, connection):
            self.patch.setattr(each, "is_at_terminal", lambda: True)
        self.patch.setattr(typer, "launch", self._browse)

    def run(
        self, *words: str, answers: Answers = (), env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run `connector WORDS`; return the exit code and everything that it printed."""
        waiting, shown = list(answers), ""
        self.asked = []

        def answer(*, hidden: bool) -> str:
            nonlocal shown
            shown += "".join(self.capsys.readouterr())
            question = shown.rpartition("\n")[2]
            shown += "\n"  # the person presses Enter
            self.asked.append(question)
            if not waiting:
                raise EOFError
            part, text = waiting.pop(0)
            assert part in question, f"{question!r} instead of {part!r}"
            if text == CTRL_C:
                raise KeyboardInterrupt
            if hidden and text:
                self.typed.add(text)
            return text

        self.patch.setattr(termui, "visible_prompt_func", lambda _: answer(hidden=False))
        self.patch.setattr(termui, "hidden_prompt_func", lambda _: answer(hidden=True))
        with pytest.MonkeyPatch.context() as own:
            for name in SECRETS:
                own.delenv(name, raising=False)
            own.setenv("COLUMNS", "200")
            for name, text in (env or {}).items():
                own.setenv(name, text)
            code = _exit_code(words)
        shown += "".join(self.capsys.readouterr())
        assert not waiting, f"never asked: {waiting}; {shown}"
        assert not [text for text in self.typed if text in shown], "a secret was shown"
        return code, shown

    def _browse(self, url: str) -> int:
        """Allow the app at Exact, and follow the redirect to the stack's route."""
        stack = PersonStack(self.env)
        back = httpx.URL(stack.http.get(url).headers["Location"])
        exchange = stack.exchange_of(Actor("exact_oauth"))
        self.pages.append(redirect.receive(urlsplit(str(back)).query, exchange).word)
        return 0


def _exit_code(words: Sequence[str]) -> int:
    try:
        return int(typer.main.get_command(app).main(list(words), standalone_mode=False) or 0)
    except SystemExit as end:
        return int(end.code or 0)
