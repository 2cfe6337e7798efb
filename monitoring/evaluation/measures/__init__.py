"""Measures of rankings and of answers: one file each."""
