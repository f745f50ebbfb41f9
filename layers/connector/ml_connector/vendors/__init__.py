"""Which Airbase vendor is which Exact supplier: pure rules, without doors."""
