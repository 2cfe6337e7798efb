"""Is the verdict on a world's A/B test right? It is read from where the admin reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitoring.experiments.results import results
from monitoring.models import Experiment

# What may be said of an effect that too few users show, or that is too small to matter.
UNSURE = ("no_data", "early", "undecided", "no_difference")
# Users of one variant are a little kinder than those of the other by chance alone.
TINY = 0.02


@dataclass(frozen=True, slots=True)
class Decided:
    """An experiment: the planted effect with the interval that is said, and the verdict. None: nothing is said."""

    name: str
    effect: float
    low: float | None
    high: float | None
    kind: str
    text: str
    is_ok: bool


def check_experiments(truth: Mapping[str, Any]) -> Iterator[Decided]:
    """Yield the experiments of a truth file with what is said of them."""
    until = datetime.fromisoformat(truth["until"])
    for planted in truth["experiments"]:
        experiment = Experiment.objects.filter(pk=planted["id"]).first()
        if experiment is None:
            gone = f"experiment {planted['id']}"
            yield Decided(gone, planted["effect"], None, None, "missing", "It is not there any more.", False)
        else:
            yield _decided(experiment, planted, until)


def _decided(experiment: Experiment, planted: Mapping[str, Any], until: datetime) -> Decided:
    found = results(experiment, until)
    [challenger] = found.others
    primary = challenger.comparisons[0]
    effect, low, high = planted["effect"], primary.low, primary.high
    is_within = low is None or high is None or low <= effect <= high
    right = (planted["verdict"],) if planted["verdict"] else (*UNSURE, _direction(effect))
    kind = found.verdict.kind
    return Decided(experiment.name, effect, low, high, kind, found.verdict.text, is_within and kind in right)


def _direction(effect: float) -> str:
    """Return what is right of an effect that is found though that was not certain; nothing where there is none."""
    return "better" if effect > TINY else "worse" if effect < -TINY else ""
