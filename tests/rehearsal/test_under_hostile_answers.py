"""Whatever Airbase answers: a rehearsal writes nothing, and ends or says why it cannot."""

import json
import random
from contextlib import suppress
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts
from local.simulator import HandlerTransport, Request, Response
from ml_connector.domain.faults import Fault
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.rehearsal.period import AskedDays
from ml_connector.rehearsal.rehearse import rehearse
from tests.hostile_remote import mangling
from tests.person_stack import PERSON, PersonStack
from tests.rehearsal.test_rehearse import MONTH, october, type_in, writes, written


@pytest.mark.parametrize("path", ["", "purchase_orders", "vendors"])
@pytest.mark.parametrize("kind", sorted(mangling.ALL_KINDS))
def test_nothing_is_written(firm: InMemoryEnvironment, kind: str, path: str) -> None:
    october(firm, "PO-1")
    october(firm, "PO-2", account="9999")
    october(firm, "PO-3", "42.00")
    type_in(firm, "42.00", YourRef="PO-3")
    spoil(firm, kind, path)
    before, sent, calls = kept(firm), writes(firm), firm.exact_calls()
    for _ in range(2):
        with suppress(Fault):
            found = rehearse(PersonStack(firm), PERSON, FIRM, AskedDays(MONTH))
            json.dumps(found.as_dict())
    assert kept(firm) == before
    assert (writes(firm), firm.exact_calls()) == (sent, calls)


def kept(env: InMemoryEnvironment) -> dict[str, Any]:
    """Return what is stored of orders, vendors, links, mappings and reference data."""
    tables = written(env)
    tables["audit"].pop(f"{FIRM}#{CONNECTION}", None)
    tables["ledger"][FIRM].pop(CONNECTION, None)
    del tables["coordination"]  # tokens, budgets, outages
    return tables


def spoil(env: InMemoryEnvironment, kind: str, path: str) -> None:
    fault = mangling.Fault(
        kind=kind, system="airbase", path=path, method="", starts=0, ends=env.clock() + 9e9,
        share=0.7, rng=random.Random(f"{kind} {path}"),
    )  # fmt: skip

    def answer(request: Request) -> Response:
        if fault.concerns("airbase", request, env.clock()):
            return fault.answer(lambda: env.airbase.handle(request))
        return env.airbase.handle(request)

    routes = {"exact.test": env.exact.transport(), "airbase.test": HandlerTransport(answer)}
    env.memory.transport = Hosts(routes)
    env.services = env.memory.services()
