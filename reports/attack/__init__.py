"""The report of an attack run: its numbers, and its page."""
