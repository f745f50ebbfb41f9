"""`make bench`: measure, print the figures, and fail when a limit is missed.

`python -m bench drain in_turn` takes these measurements alone.
"""

import argparse
import os
import platform
import sys
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from bench import (
    blind_retry,
    burst,
    cold_start,
    command_line,
    console_start,
    cost,
    drain,
    fleet,
    in_turn,
    inbox,
    own_code,
    posting,
    quiet_day,
    vendor_matching,
)
from bench.result import Result

_MODULES = (
    cold_start,
    console_start,
    posting,
    in_turn,
    blind_retry,
    quiet_day,
    fleet,
    cost,
    burst,
    drain,
    own_code,
    inbox,
    command_line,
    vendor_matching,
)
_console = Console(highlight=False)


def main() -> int:
    """Take every measurement, or those named; return 1 when a limit is missed."""
    named = _named()
    _console.print(_machine())
    results: list[Result] = []
    for module in named:
        _console.print(f"[cyan]>[/cyan] {(module.__doc__ or '').splitlines()[0]}")
        results += module.measure()
    _console.print(_table(results))
    return 1 if any(result.holds is False for result in results) else 0


def _named() -> list[ModuleType]:
    by_name = {module.__name__.rpartition(".")[2]: module for module in _MODULES}
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("names", nargs="*", choices=[*by_name, []], metavar="NAME")
    names = parser.parse_args().names or by_name
    return [by_name[name] for name in names]


def _machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load}; "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _table(results: list[Result]) -> Table:
    outcomes = {True: "[green]holds[/green]", False: "[red]missed[/red]", None: ""}
    table = Table("measure", "figure", "limit", "")
    for result in results:
        table.add_row(result.name, result.figure, result.limit, outcomes[result.holds])
    return table


if __name__ == "__main__":
    sys.exit(main())
