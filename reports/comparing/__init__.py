"""What changed between two runs of a kind: numbers, text, page, and what counts as worse."""
