"""What people do with exceptions: list, show, dismiss, assign, retry, resolve a duplicate."""
