"""Names of models as labels: users and operators may name any, so that only so many become series of their own."""

from collections.abc import Iterable
from datetime import datetime

MOST_MODELS = 12
OTHER = "other"


def labels_of(first_used: Iterable[tuple[str, datetime]]) -> dict[str, str]:
    """Return the label of each model: its name for those that were used first, OTHER for all later ones.

    Not for those that are used most: a model that moved from one label to the other would let a counter fall.
    """
    first: dict[str, datetime] = {}
    for model, used_at in first_used:
        first[model] = min(first.get(model, used_at), used_at)
    ordered = sorted(first, key=lambda model: (first[model], model))
    return {model: model if place < MOST_MODELS else OTHER for place, model in enumerate(ordered)}
