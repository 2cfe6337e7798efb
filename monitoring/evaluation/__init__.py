"""Evaluation runs: a dataset put through a pipeline config, measured, reported and compared."""
