"""Bring stored data into the form that this version writes: numbered steps, see `steps`."""
