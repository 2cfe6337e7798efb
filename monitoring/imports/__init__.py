"""Imports: turns of an export, or of another system's log, with the times that they had there."""
