"""Who judges: the protocol, prompts, each kind of judge, the scorer, and training."""
