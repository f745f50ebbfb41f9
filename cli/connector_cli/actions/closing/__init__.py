"""The month's close: every approved Airbase order against Exact."""
