"""How endpoints are described."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that names a row of another endpoint, and the fields copied from that row."""

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
    """GET needs a $filter, and on these fields alone."""
    sparse_answer: bool = False
    """POST without `Prefer: return=representation` answers the key and nulls."""
    references: Mapping[str, Reference] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)
    used_by: tuple[tuple[str, str], ...] = ()
    """(endpoint, field) pairs whose rows keep a row of this one from being deleted."""
