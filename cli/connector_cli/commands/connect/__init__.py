"""`connector connect`: `command` reads the options, `steps` goes through the steps."""
