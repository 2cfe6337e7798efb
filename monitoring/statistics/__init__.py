"""Intervals, tests and plans: plain functions of numbers."""
