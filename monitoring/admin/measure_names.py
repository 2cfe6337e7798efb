"""Measures and judges as people call them."""

from monitoring.evaluation.measures.registry import MEASURES
from monitoring.judges.registry import JUDGES


def measure_label(name: str) -> str:
    """Return what a measure or judge is called; of one that is not known any more, its name in words."""
    if name in MEASURES:
        return MEASURES[name].label
    return JUDGES[name].title if name in JUDGES else name.replace("_", " ").capitalize()


def measure_description(name: str) -> str:
    """Return what a measure or judge says of a question; empty for one that is not known any more."""
    if name in MEASURES:
        return MEASURES[name].description
    return JUDGES[name].question if name in JUDGES else ""
