"""`connector connect`: `command` reads the options, `steps` leads through the connection."""
