"""Purchase orders: from an approved order in Airbase to one in Exact, and its later changes."""
