"""Purchase orders: what Airbase approved, what Exact shall hold, and the way from one to the other.

Pure: nothing here opens a socket or a table.
"""
