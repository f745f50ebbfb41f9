"""A terminal on an in-memory environment, for tests about vendors."""

from collections.abc import Callable

from tests.cli.terminal import Run, Terminal


class VendorTerminal(Terminal):
    """Runs `connector vendors ...`, then the workers."""

    def __init__(self, work: Callable[[], None]) -> None:
        """Call `work` after each command."""
        super().__init__()
        self._work = work

    def type(self, *words: str) -> Run:
        """Run `connector vendors WORDS`, which must succeed."""
        done = self.ok("vendors", *words)
        self._work()
        return done

    def wrong(self, *words: str, code: int = 2) -> str:
        """Run `connector vendors WORDS`, which must be refused; return the one line."""
        said = self.refused("vendors", *words, code=code)
        self._work()
        assert len(said.splitlines()) == 1, said
        return said
