"""What an unmapped thing could mean in Exact: the same code, the same name, a name like it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from connector_cli.actions.mapping.books import LoadedBooks
from connector_cli.actions.mapping.kinds import GL_ACCOUNTS, ITEMS, SUPPLIERS, code_kind
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.reference import plain_name
from ml_connector.purchase_orders.books import is_active
from ml_connector.purchase_orders.model import Reference

_MOST = 3
_ALIKE = 80.0


@dataclass(frozen=True)
class Proposal:
    """One way to map a thing: what to enter, what it is, and why it is proposed."""

    exact: str
    name: str
    why: str


@dataclass(frozen=True)
class _Candidate:
    exact: str
    code: str
    name: str


def propose(kind: str, wanted: Reference, books: LoadedBooks) -> list[Proposal]:
    """Return what can be used in the division for the thing, best first; at most three."""
    if kind == ITEMS:
        return _carriers(wanted, books)
    if kind == SUPPLIERS:
        like = books.suppliers_like(wanted.name) if wanted.name else ()
        usable = [s for s in like if not s.is_blocked]
        return _ranked(wanted, [_Candidate(s.code, s.code, s.name) for s in usable])
    return _ranked(wanted, list(_candidates(kind, books)))


def propose_division(wanted: Reference, connection: Connection) -> list[Proposal]:
    """Return the divisions that a subsidiary may be meant for."""
    codes = ((str(each.division), each.name) for each in connection.divisions)
    return _ranked(wanted, [_Candidate(code, code, name) for code, name in codes])


def _carriers(wanted: Reference, books: LoadedBooks) -> list[Proposal]:
    account = books.gl_account(wanted.keys[0])
    day = clock.now().date()
    found = books.carriers(account.id) if account else ()
    usable = sorted((i for i in found if i.is_carrier_on(day)), key=lambda item: item.code)
    return [
        Proposal(item.id, f"{item.code} {item.description}", "books to it")
        for item in usable[:_MOST]
    ]


def _candidates(kind: str, books: LoadedBooks) -> Iterator[_Candidate]:
    today = clock.now().date()
    if kind == GL_ACCOUNTS:
        for account in books.accounts:
            if not account.is_blocked:
                yield _Candidate(account.code, account.code, account.description)
    elif named := code_kind(kind):
        for code in books.codes[named].values():
            if not code.is_blocked and is_active(None, code.end, today) and code.is_for_purchase:
                yield _Candidate(code.code, code.code, code.description)


def _ranked(wanted: Reference, candidates: Sequence[_Candidate]) -> list[Proposal]:
    codes = {_plain_code(key) for key in wanted.keys}
    names = {name for key in wanted.keys if (name := plain_name(key))}
    found = [_proposal(c, "same code") for c in candidates if _plain_code(c.code) in codes]
    found += [_proposal(c, "same name") for c in candidates if plain_name(c.name) in names]
    if not found:
        found = list(_alike(names, candidates))
    first = {proposal.exact: proposal for proposal in reversed(found)}
    return sorted(first.values(), key=found.index)[:_MOST]


def _alike(names: Iterable[str], candidates: Sequence[_Candidate]) -> Iterator[Proposal]:
    choices = {position: plain_name(each.name) for position, each in enumerate(candidates)}
    found = [
        (score, position)
        for name in names
        for _, score, position in process.extract(
            name, choices, scorer=fuzz.token_sort_ratio, score_cutoff=_ALIKE, limit=_MOST
        )
    ]
    for _, position in sorted(found, key=lambda one: (-one[0], one[1])):
        yield _proposal(candidates[position], "similar name")


def _proposal(candidate: _Candidate, why: str) -> Proposal:
    return Proposal(candidate.exact, candidate.name, why)


def _plain_code(code: str) -> str:
    return code.strip().casefold().lstrip("0")
