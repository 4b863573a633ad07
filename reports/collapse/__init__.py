"""What became of a policy: its numbers, its text, its page."""
