"""Keeping a stack running: redrive dead letters, and resume after a restore."""
