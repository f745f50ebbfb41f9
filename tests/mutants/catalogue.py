"""The mutants in `mutants.toml`: which line is changed how, why it matters, what should notice."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYER = Path("layers/connector/ml_connector")
TESTS = Path("tests")
_LIST = Path(__file__).with_name("mutants.toml")


class NotApplicableError(Exception):
    """The text of a mutant does not occur exactly once in its file."""


@dataclass(frozen=True)
class Mutant:
    """One change of the source; `file` is below the layer, `tests` are below the tests' folder."""

    file: str
    find: str
    replace: str
    why: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Return the file, relative to the root of the tree."""
        return LAYER / self.file

    @property
    def test_paths(self) -> list[Path]:
        """Return the test files that should notice it, relative to the root of the tree."""
        return [TESTS / name for name in self.tests]

    def line(self, source: str) -> int:
        """Return the number of the line at which the text begins.

        Raises `NotApplicableError` when the text does not occur exactly once.
        """
        if (times := source.count(self.find)) != 1:
            raise NotApplicableError(f"{self.path}: {times} times: {self.find.strip()}")
        position = source.index(self.find)
        first_word = len(self.find) - len(self.find.lstrip())
        return source.count("\n", 0, position + first_word) + 1

    def apply(self, source: str) -> str:
        """Return the source with the change made."""
        return source.replace(self.find, self.replace)


def load() -> list[Mutant]:
    """Return every mutant, in the order of the list."""
    entries = tomllib.loads(_LIST.read_text("utf-8"))["mutant"]
    return [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
