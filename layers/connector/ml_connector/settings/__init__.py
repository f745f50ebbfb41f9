"""The settings of a connection and of its Airbase tenant."""
