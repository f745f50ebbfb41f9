"""The version of this code."""

VERSION = "0.1.0"
"""As in pyproject.toml, for places that have no package metadata."""
