"""What is judged: records, problem families, oracles, and loaders for problems in files."""
