"""The `connector` command."""
