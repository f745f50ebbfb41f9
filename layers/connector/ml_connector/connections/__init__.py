"""Setting up connections, and keeping their tokens and webhook subscriptions alive."""
