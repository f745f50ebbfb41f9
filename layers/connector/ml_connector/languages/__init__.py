"""What people read in their language: texts, numbers, days; shared by messages and the console."""
