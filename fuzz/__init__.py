"""Who attacks: attacks, objective, campaign, gate, shrinker, store, statistics."""
