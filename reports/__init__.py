"""What a person reads of a run: summaries as data first, then text and HTML made from them."""
