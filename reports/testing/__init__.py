"""What a test says of a judge, and what a session of tests showed."""
