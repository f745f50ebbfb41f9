"""The connector in memory: no sockets, a simulated clock."""
