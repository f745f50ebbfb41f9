"""`make mutants`: change each of the most important lines once, and see a test fail.

`make mutants ARGS=exact/tokens` runs the mutants whose file contains this text. The working tree
is copied, once for each of two processes, and only the copies are changed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from queue import SimpleQueue

from rich.console import Console

from tests.mutants.catalogue import ROOT, Mutant, NotApplicableError, load

_AT_A_TIME = 2
_LONGEST = 300  # seconds; a mutant that makes the tests wait for ever is noticed too
_PASSED, _FAILED = 0, 1  # pytest's exit codes; others mean that it could not run the tests
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info")
_console = Console(highlight=False, markup=False, soft_wrap=True)


@dataclass(frozen=True)
class _Result:
    """What became of a mutant: "killed", "survived", "not applicable" or "error"."""

    mutant: Mutant
    outcome: str
    where: str
    seconds: float = 0.0
    detail: str = ""


def main(part_of_file: str = "") -> int:
    """Run the mutants whose file contains this text; return 0 when a test noticed each."""
    mutants = [mutant for mutant in load() if part_of_file in mutant.file]
    started = time.monotonic()
    with _copies() as copies:
        if not _pass_unchanged(mutants, copies):
            return 2
        results = list(_run_all(mutants, copies))
    left = [result for result in results if result.outcome != "killed"]
    for result in left:
        _show(result)
    minutes = (time.monotonic() - started) / 60
    killed = len(results) - len(left)
    _console.print(f"{len(results)} mutants, {killed} killed, {len(left)} not; {minutes:.1f} min")
    return 1 if left or not results else 0


@contextmanager
def _copies() -> Iterator[SimpleQueue[Path]]:
    """Yield copies of the working tree, each for one process at a time."""
    copies: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for number in range(_AT_A_TIME):
            copies.put(Path(shutil.copytree(ROOT, Path(folder, str(number)), ignore=_NOT_COPIED)))
        yield copies


def _pass_unchanged(mutants: Sequence[Mutant], copies: SimpleQueue[Path]) -> bool:
    """Return whether the tests pass in a copy: only then does a failure mean anything."""
    tests = sorted({path for mutant in mutants for path in mutant.test_paths})
    copy = copies.get()
    code, output = _run_tests(copy, tests, longest=None) if tests else (_PASSED, "")
    copies.put(copy)
    if code != _PASSED:
        _console.print(output, "The tests fail without any change.", sep="\n")
    return code == _PASSED


def _run_all(mutants: Sequence[Mutant], copies: SimpleQueue[Path]) -> Iterator[_Result]:
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for result in pool.map(lambda mutant: _run(mutant, copies), mutants):
            _console.print(f"{result.outcome:<15}{result.where}  {result.seconds:.1f} s")
            yield result


def _run(mutant: Mutant, copies: SimpleQueue[Path]) -> _Result:
    copy = copies.get()
    path = copy / mutant.path
    source = path.read_text("utf-8")
    started = time.monotonic()
    try:
        where = f"{mutant.path}:{mutant.line(source)}"
        _write(path, mutant.apply(source))
        code, output = _run_tests(copy, mutant.test_paths)
    except NotApplicableError as error:
        return _Result(mutant, "not applicable", str(mutant.path), detail=str(error))
    finally:
        _write(path, source)
        copies.put(copy)
    outcome = {_PASSED: "survived", _FAILED: "killed"}.get(code, "error")
    detail = output if outcome == "error" else ""
    return _Result(mutant, outcome, where, time.monotonic() - started, detail)


def _write(path: Path, source: str) -> None:
    """Write a module; Python would not notice a change of the same length in the same second."""
    path.write_text(source, "utf-8")
    Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _run_tests(
    copy: Path, tests: Sequence[Path], longest: float | None = _LONGEST
) -> tuple[int, str]:
    """Run test files in a copy up to the first failure; return pytest's exit code and output."""
    paths = (copy, copy / "layers/connector", copy / "cli")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *map(str, tests)],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=longest,
        )
    except subprocess.TimeoutExpired:
        return _FAILED, "no end"
    return done.returncode, done.stdout + done.stderr


def _show(result: _Result) -> None:
    mutant = result.mutant
    _console.print(f"\n{result.outcome}: {result.where}", f"  {mutant.why}", sep="\n")
    _console.print(_indented("-", mutant.find), _indented("+", mutant.replace), sep="\n")
    _console.print(f"  tests: {', '.join(mutant.tests)}", result.detail, sep="\n")


def _indented(sign: str, text: str) -> str:
    return "\n".join(f"  {sign} {line}" for line in text.strip("\n").splitlines())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
