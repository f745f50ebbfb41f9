"""The demo: a firm with three divisions, a scenario, and the checks at its end."""
