"""What is shown of a transfer."""
