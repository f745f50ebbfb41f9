"""Whether a connection works, tried on the real systems."""
