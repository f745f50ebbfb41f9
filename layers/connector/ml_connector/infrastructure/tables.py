"""The tables of a stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_connector.infrastructure.dynamodb import DynamoTable, Table


@dataclass(frozen=True)
class Tables:
    """The stack's tables, under the names of their environment variables."""

    inbox: Table
    ledger: Table
    audit: Table
    mappings: Table
    reference: Table
    coordination: Table


def open_tables(dynamodb: Any, environment: Mapping[str, str]) -> Tables:
    """Return the stack's tables; those that the function does not use have no name."""
    return Tables(
        *(
            DynamoTable(dynamodb, environment.get(f"{name.upper()}_TABLE", ""))
            for name in Tables.__dataclass_fields__
        )
    )
