"""Month end: compare a month's approved orders with Exact."""
