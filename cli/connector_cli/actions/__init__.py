"""What the command can do, as plain functions: no terminal in here, so a console can call them."""
