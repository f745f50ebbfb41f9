"""Vendors and suppliers are linked, watched and aligned; `queue` is the worker's door."""
