"""The connector between Airbase and Exact Online."""

__version__ = "0.1.0"
"""As in pyproject.toml, for places that have no package metadata."""
