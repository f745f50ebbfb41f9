"""The vendors of a connection as people see and decide them."""
