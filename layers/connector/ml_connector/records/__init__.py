"""Records as workers and people meet them: found by name or age, and tracked step by step."""
