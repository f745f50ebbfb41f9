"""The CPU time of a warm inbox with 500 open exceptions in 20 groups.

Tables are in memory: what is measured is the console's own code, from the call to the page.
"""

import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from bench.result import Result
from tests.console.test_inbox import Office
from tests.infrastructure.test_open_groups import stop, unmapped

_OPEN, _GROUPS, _RUNS = 500, 20, 15
_LARGEST = 100_000
_POSTED = 10, 10_000
_SHARE = 9
_CLIENT = """
import time
started = time.process_time()
import boto3
boto3.client("dynamodb", region_name="eu-central-1")
print(time.process_time() - started)
"""


def measure() -> Iterator[Result]:
    """Yield milliseconds, against making one AWS client on this machine, and the page's size."""
    logging.disable(logging.CRITICAL)
    office = Office()
    for number in range(_OPEN):
        title = f"PO-{number}"
        stop(office.ledger, title, unmapped(title, f"account {number % _GROUPS}"))
    size = len(office.get().html.encode())
    own, client = statistics.median(_seconds(office) for _ in range(_RUNS)), _client_seconds()
    yield Result(
        f"CPU of the inbox, {_OPEN} exceptions in {_GROUPS} groups",
        f"{own * 1000:.1f} ms",
        f"1/{_SHARE} of importing boto3 and making a client: {client / _SHARE * 1000:.1f} ms",
        own <= client / _SHARE,
    )
    yield Result("its size", f"{size / 1000:.0f} kB", "100 kB", size < _LARGEST)
    for connections in (1, 2):
        few, many = (_reads(connections, posted) for posted in _POSTED)
        wanted = 3 + 3 * connections
        yield Result(
            f"table reads for the inbox of {connections} connections, 10 and 10,000 posted orders",
            f"{few} and {many}",
            f"3, and 3 for each connection: {wanted}",
            few == many == wanted,
        )


def _reads(connections: int, posted: int) -> int:
    office = Office(*(f"firm-{number}" for number in range(connections)))
    office.fill(posted)
    return office.get().reads


def _seconds(office: Office) -> float:
    started = time.process_time()
    office.get()
    return time.process_time() - started


def _client_seconds() -> float:
    """Return the median of three processes."""
    command = [sys.executable, "-c", _CLIENT]
    found = (subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3))
    return statistics.median(float(each.stdout) for each in found)
