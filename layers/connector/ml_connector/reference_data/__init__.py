"""Reference data: keep the stored copy of Exact's divisions up to date, in increments."""
