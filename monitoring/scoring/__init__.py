"""Scores that other programs send and fetch: what they may say, who may send them, and the shapes of other systems."""
