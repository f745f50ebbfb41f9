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
    spoil(firm, mangled(firm, kind, path, f"{kind} {path}"))
    assert_nothing_is_written(firm)


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_written_whatever_goes_wrong_when(firm: InMemoryEnvironment, seed: int) -> None:
    """Several kinds of odd answers at once, each of some calls alone."""
    rng = random.Random(seed)
    for number in range(4):
        october(firm, f"PO-{number}", account=rng.choice(("4100", "9999")))
    type_in(firm, "42.00", YourRef="PO-3")
    faults = [
        mangled(
            firm, rng.choice(sorted(mangling.ALL_KINDS)),
            rng.choice(("", "purchase_orders", "vendors")), f"{seed} {each}", rng.uniform(0.1, 1),
        )
        for each in range(rng.randint(1, 3))
    ]  # fmt: skip
    spoil(firm, *faults)
    assert_nothing_is_written(firm)


def assert_nothing_is_written(firm: InMemoryEnvironment) -> None:
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


def mangled(
    env: InMemoryEnvironment, kind: str, path: str, seed: str, share: float = 0.7
) -> mangling.Fault:
    return mangling.Fault(
        kind=kind, system="airbase", path=path, method="", starts=0, ends=env.clock() + 9e9,
        share=share, rng=random.Random(seed),
    )  # fmt: skip


def spoil(env: InMemoryEnvironment, *faults: mangling.Fault) -> None:
    def answer(request: Request) -> Response:
        for fault in faults:
            if fault.concerns("airbase", request, env.clock()):
                return fault.answer(lambda: env.airbase.handle(request))
        return env.airbase.handle(request)

    routes = {"exact.test": env.exact.transport(), "airbase.test": HandlerTransport(answer)}
    env.memory.transport = Hosts(routes)
    env.services = env.memory.services()
