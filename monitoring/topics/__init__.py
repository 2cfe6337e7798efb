"""Recurring questions: turns grouped by what they ask."""
