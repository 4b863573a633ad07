"""Duels and comparisons of recipes: their numbers, their text, their pages."""
