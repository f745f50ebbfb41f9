"""Propose Exact codes for an unmapped value: same code, same name, or a similar name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from ml_connector import clock
from ml_connector.domain.ids import code_of
from ml_connector.domain.mapped_values import MappingProposal
from ml_connector.domain.orders.order import Reference
from ml_connector.domain.orders.reference_data import is_active
from ml_connector.infrastructure.reference_store import plain_name
from ml_connector.mapping.kinds import CODE_KINDS, GL_ACCOUNTS, ITEMS, SUPPLIERS
from ml_connector.mapping.loaded_data import LoadedDivisionData
from ml_connector.settings.connection import Connection

_MOST = 3
_LEAST_SIMILARITY = 80.0


@dataclass(frozen=True)
class _Candidate:
    exact: str
    code: str
    name: str


def propose(
    kind: str, wanted: Reference, division_data: LoadedDivisionData
) -> list[MappingProposal]:
    """Return up to three usable codes of the division, best first."""
    if kind == ITEMS:
        return _carriers(wanted, division_data)
    if kind == SUPPLIERS:
        like = division_data.suppliers_like(wanted.name) if wanted.name else ()
        usable = [s for s in like if not s.is_blocked]
        return _ranked(wanted, [_Candidate(s.code, s.code, s.name) for s in usable])
    return _ranked(wanted, list(_candidates(kind, division_data)))


def propose_division(wanted: Reference, connection: Connection) -> list[MappingProposal]:
    """Return the divisions that may serve a subsidiary."""
    candidates = [
        _Candidate(each.division, str(code_of(each.division)), each.name)
        for each in connection.divisions
    ]
    return _ranked(wanted, candidates)


def _carriers(wanted: Reference, division_data: LoadedDivisionData) -> list[MappingProposal]:
    account = division_data.gl_account(wanted.keys[0])
    day = clock.now().date()
    found = division_data.carriers(account.id) if account else ()
    usable = sorted((i for i in found if i.is_carrier_on(day)), key=lambda item: item.code)
    return [
        MappingProposal(item.id, f"{item.code} {item.description}", "same cost account")
        for item in usable[:_MOST]
    ]


def _candidates(kind: str, division_data: LoadedDivisionData) -> Iterator[_Candidate]:
    today = clock.now().date()
    if kind == GL_ACCOUNTS:
        for account in division_data.accounts:
            if not account.is_blocked:
                yield _Candidate(account.code, account.code, account.description)
    elif named := CODE_KINDS.get(kind):
        for code in division_data.codes[named].values():
            if not code.is_blocked and is_active(None, code.end, today) and code.is_for_purchase:
                yield _Candidate(code.code, code.code, code.description)


def _ranked(wanted: Reference, candidates: Sequence[_Candidate]) -> list[MappingProposal]:
    codes = {_plain_code(key) for key in wanted.keys}
    names = {name for key in wanted.keys if (name := plain_name(key))}
    found = [_proposal(c, "same code") for c in candidates if _plain_code(c.code) in codes]
    found += [_proposal(c, "same name") for c in candidates if plain_name(c.name) in names]
    if not found:
        found = list(_similar(names, candidates))
    first = {proposal.exact: proposal for proposal in reversed(found)}
    return sorted(first.values(), key=found.index)[:_MOST]


def _similar(names: Iterable[str], candidates: Sequence[_Candidate]) -> Iterator[MappingProposal]:
    choices = {position: plain_name(each.name) for position, each in enumerate(candidates)}
    found = [
        (score, position)
        for name in names
        for _, score, position in process.extract(
            name, choices, scorer=fuzz.token_sort_ratio, score_cutoff=_LEAST_SIMILARITY, limit=_MOST
        )
    ]
    for _, position in sorted(found, key=lambda one: (-one[0], one[1])):
        yield _proposal(candidates[position], "similar name")


def _proposal(candidate: _Candidate, why: str) -> MappingProposal:
    return MappingProposal(candidate.exact, candidate.name, why)


def _plain_code(code: str) -> str:
    return code.strip().casefold().lstrip("0")
