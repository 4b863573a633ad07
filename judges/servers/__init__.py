"""Judges behind OpenAI-compatible servers: what is asked, how faults are met, what answers cost, what they say."""
