"""Ears of monitoring: what chat announces."""
