"""The rules: orders, matching, money, states, exception codes. They open nothing."""
