"""Purchase orders: what Airbase approved, what Exact should hold, and the mapping between them.

Pure rules: nothing here opens a socket or a table.
"""
