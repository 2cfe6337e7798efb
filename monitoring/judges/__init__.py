"""Judges: one file each, with its prompt where it is a model."""
