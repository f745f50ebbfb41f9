"""What people are told of a connection, and the figures they see."""
