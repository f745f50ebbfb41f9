"""Which Airbase vendor is which Exact supplier: record linkage by pure rules."""
