"""Judging live traffic: what is due, claims, caps, the worker."""
