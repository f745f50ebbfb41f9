"""An approved order's way into Exact, and what follows it there; `queue` is the worker's door."""
