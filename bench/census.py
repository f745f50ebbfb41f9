"""`make census`: counts that describe the structure of the code; none has a limit.

The path of one posted order comes from a profiler: an order is posted in memory, and every call
of a function of the layer is recorded. A switch is a call into another file than the last call.
"""

import ast
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.result import Result
from local.in_memory.environment import InMemoryEnvironment

_ROOT = Path(__file__).parents[1]
_LAYER = _ROOT / "layers/connector/ml_connector"
_PARTS = {"layer": _LAYER, "command line": _ROOT / "cli", "tests": _ROOT / "tests"}


def main() -> None:
    """Print every count."""
    logging.disable(logging.CRITICAL)
    table = Table("count", "figure")
    for result in (*_sizes(), *_order_path(), *_class_names()):
        table.add_row(result.name, result.figure)
    Console(highlight=False).print(table)


def _sizes() -> Iterator[Result]:
    for name, folder in _PARTS.items():
        files = list(folder.rglob("*.py"))
        lines = sum(len(path.read_text().splitlines()) for path in files)
        yield Result(f"{name}: files, lines", f"{len(files)}, {lines}")


def _order_path() -> Iterator[Result]:
    calls = _calls_of_a_posted_order()
    files = [file for file, _ in calls]
    switches = sum(one != other for one, other in pairwise(files))
    folders = Counter(str(Path(file).parent.relative_to(_LAYER)) for file in set(files))
    yield Result("one posted order: files", str(len(set(files))))
    yield Result("one posted order: functions", str(len(set(calls))))
    yield Result("one posted order: switches between files", str(switches))
    named = ", ".join(f"{name} {count}" for name, count in sorted(folders.items()))
    yield Result("one posted order: files in each folder", named)


def _calls_of_a_posted_order() -> list[tuple[str, int]]:
    """Return file and first line of each function called for a second order, in order."""
    env = InMemoryEnvironment()
    env.connect()
    env.post(env.order("PO-1"))
    order = env.order("PO-2")
    env.queue(order)
    calls: list[tuple[str, int]] = []

    def record_call(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(_LAYER)):
            calls.append((code.co_filename, code.co_firstlineno))

    sys.setprofile(record_call)
    try:
        env.work()
    finally:
        sys.setprofile(None)
    if env.record(order).state != "posted":
        raise RuntimeError("the order was not posted")
    return calls


def _class_names() -> Iterator[Result]:
    names = Counter(
        node.name
        for folder in (_LAYER, _ROOT / "cli", _ROOT / "local")
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    twice = sorted(name for name, times in names.items() if times > 1)
    yield Result("class names used more than once", f"{len(twice)}: {', '.join(twice)}")


if __name__ == "__main__":
    main()
