"""Defences: judges around a judge that refuse responses before it sees them, or ask it about several copies."""
