"""What keeps a connection going unasked: sweeps, fresh reference data, tokens, outages."""
