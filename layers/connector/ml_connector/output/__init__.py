"""What people get as files: written whole or not at all, readable by their owner alone."""
