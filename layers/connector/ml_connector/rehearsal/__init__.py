"""See what the connector would do with a period's orders, before it does anything."""
