"""The types that describe endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class EntityReference:
    """A field that refers to a row of another endpoint, and the fields copied from that row."""

    endpoint: str
    label: str
    by: Literal["ID", "Code"] = "ID"
    copies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entity:
    """One endpoint. `labels` name fields in business errors; `widths` are maximum lengths."""

    path: str
    scope: str
    key: str = "ID"
    topic: str | None = None
    deleted_type: int | None = None
    """EntityType in sync/Deleted."""
    unique: tuple[str, ...] = ()
    required_filters: frozenset[str] | None = None
    """GET requires a $filter on one of these fields."""
    sparse_answer: bool = False
    """POST without `Prefer: return=representation` answers only the key, and nulls."""
    references: Mapping[str, EntityReference] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)
    used_by: tuple[tuple[str, str], ...] = ()
    """(endpoint, field) pairs: rows that these refer to cannot be deleted."""
