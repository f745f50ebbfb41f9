"""What people ask for on a page of the console, done by the posting worker in their name."""
