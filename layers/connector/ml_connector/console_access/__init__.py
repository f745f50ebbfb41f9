"""What people set up of the console: who has access, and whose sessions end."""
