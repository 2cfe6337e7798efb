"""Measures as people call them."""

from monitoring.evaluation.measures.registry import RETRIEVAL_MEASURES


def measure_label(name: str) -> str:
    """Return the label of a measure or judge; of one that is not known any more, its name in words."""
    known = RETRIEVAL_MEASURES.get(name)
    return known.label if known else name.replace("_", " ").capitalize()


def measure_description(name: str) -> str:
    """Return what a measure says of a question; empty for one that is not known any more."""
    known = RETRIEVAL_MEASURES.get(name)
    return known.description if known else ""
