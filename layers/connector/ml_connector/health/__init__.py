"""Check a connection by calling the real systems."""
