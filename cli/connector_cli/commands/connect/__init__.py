"""`connector connect`: `verb` is the command, `guide` its steps."""
