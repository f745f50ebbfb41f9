"""Airbase: its API, read into orders, vendors and bills; refusals become faults."""
