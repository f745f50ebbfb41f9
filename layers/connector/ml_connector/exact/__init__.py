"""Exact: its API, tokens, call limits and error texts; refusals become faults."""
