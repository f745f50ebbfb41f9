"""Bring both stores of a connection's Exact tokens to the same pair; tell people if they differ."""

from ml_connector.connections.problems import report_connection_problems
from ml_connector.exact.token_pairs import RECORD, TokenPairs
from ml_connector.infrastructure.ledger import ConnectionRecord
from ml_connector.services import Services


def token_stores_need_care(pairs: TokenPairs, record: ConnectionRecord) -> bool:
    """Return whether `level_token_stores` has something to store, or to close in `record`."""
    is_told = any(each.record.startswith(RECORD) for each in record.facts.problems)
    return pairs.may_go_home() or (is_told and not pairs.problems())


def level_token_stores(services: Services) -> None:
    """Store the newest pair in Secrets Manager if it is due; open or close the exception."""
    pairs = services.exact.tokens.pairs
    _report(services)  # before: this process may be killed while it waits for Secrets Manager
    pairs.send_home()
    _report(services)


def _report(services: Services) -> None:
    problems = services.exact.tokens.pairs.problems()
    report_connection_problems(services.ledger, RECORD, "token_stores", problems)
