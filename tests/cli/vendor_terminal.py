"""A terminal that leads to a firm in memory: journeys about vendors without a stack."""

from collections.abc import Callable

from connector_cli.stack import Stack
from ml_connector.doors.ledger import Ledger
from tests.cli.terminal import Run, Terminal
from tests.workflows.vendor_office import VendorOffice

PERSON = "connector anna"


class OfficeStack(Stack):
    """The stack that an office is."""

    def __init__(self, office: VendorOffice) -> None:
        """Open the office's own doors."""
        self.tables = office.mini.tables
        self.queues = office.mini.queues
        self.__dict__["doors"] = office.doors
        self.__dict__["signed"] = Ledger(self.tables.ledger, self.tables.audit, PERSON)


class VendorTerminal(Terminal):
    """Types `connector vendors ...`, and lets the workers do what follows."""

    def __init__(self, work: Callable[[], None]) -> None:
        """Let `work` follow whatever is typed."""
        super().__init__()
        self._work = work

    def type(self, *words: str) -> Run:
        """Run `connector vendors WORDS`, which must do what it says."""
        done = self.ok("vendors", *words)
        self._work()
        return done

    def wrong(self, *words: str, code: int = 2) -> str:
        """Run `connector vendors WORDS`, which must be refused in one line; return it."""
        said = self.refused("vendors", *words, code=code)
        self._work()
        assert len(said.splitlines()) == 1, said
        return said
