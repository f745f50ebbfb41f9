"""Bring both stores of each site's Exact tokens to the same pair; tell people if they differ."""

from collections.abc import Iterator

from ml_connector.connections.problems import report_connection_problems
from ml_connector.exact.token_pairs import RECORD, TokenPairs
from ml_connector.infrastructure.ledger import ConnectionRecord
from ml_connector.services import Services


def token_stores_need_care(services: Services, record: ConnectionRecord) -> bool:
    """Return whether `level_token_stores` has something to store, or to close in `record`."""
    every = list(_pairs(services))
    is_told = any(each.record.startswith(RECORD) for each in record.facts.problems)
    is_over = is_told and not any(pairs.problems() for pairs in every)
    return is_over or any(pairs.may_go_home() for pairs in every)


def level_token_stores(services: Services) -> None:
    """Store the newest pairs in Secrets Manager if they are due; open or close the exceptions."""
    _report(services)  # before: this process may be killed while it waits for Secrets Manager
    for pairs in _pairs(services):
        pairs.send_home()
    _report(services)


def _report(services: Services) -> None:
    found = [each for pairs in _pairs(services) for each in pairs.problems()]
    report_connection_problems(services.ledger, RECORD, "token_stores", found)


def _pairs(services: Services) -> Iterator[TokenPairs]:
    for site in services.connection.sites:
        yield services.exact_at(site.site).tokens.pairs
