"""The sweep each minute: queue what is due, find missed approvals, recover from outages."""
