"""The `connector` command: connections, orders, exceptions and the audit trail of one stack."""
