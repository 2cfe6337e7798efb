"""How long each stage of an answer took: by the model, the length of prompt and answer, and slow hours."""

from dataclasses import dataclass, fields

import numpy as np

from monitoring.synthetic.traffic.arrays import Floats, Rng, lognormal
from monitoring.synthetic.traffic.incidents import Kind
from monitoring.synthetic.traffic.outcomes import Outcomes
from monitoring.synthetic.traffic.profiles import MODELS
from monitoring.synthetic.traffic.sessions import Asked
from monitoring.synthetic.traffic.spending import Spending
from monitoring.synthetic.traffic.world import World

_TOKENS_THAT_DOUBLE_THE_WAIT = 20_000
_FAILURE_MEDIAN, _FAILURE_SIGMA = 4.0, 0.6


@dataclass(frozen=True, slots=True)
class Speeds:
    """Seconds, as precise as they are stored. NaN: there is none."""

    rewrite: Floats
    embed: Floats
    search: Floats
    context: Floats
    first_token: Floats
    total: Floats

    @property
    def before_call(self) -> Floats:
        """What passes before the model is asked."""
        return np.asarray(np.nan_to_num(self.rewrite) + self.embed + self.search + self.context)


def draw_speeds(world: World, rng: Rng, asked: Asked, outcomes: Outcomes, spending: Spending) -> Speeds:
    size, near = len(asked), asked.is_answerable
    slow = np.ones(size)
    for incident in world.incidents:
        if incident.kind == Kind.SLOW_HOUR:
            slow[incident.covers(asked.created)] = incident.size
    median = _of_models("wait_median")[asked.model]
    sigma = _of_models("wait_sigma")[asked.model]
    wait = lognormal(rng, median, sigma, size) * slow * (1 + spending.input_tokens / _TOKENS_THAT_DOUBLE_THE_WAIT)
    rewrite = lognormal(rng, 0.9 * median, sigma, size) * slow
    embed, search = lognormal(rng, 0.012, 0.3, size), lognormal(rng, 0.035, 0.4, size)
    context = lognormal(rng, 0.004, 0.3, size)
    each = lognormal(rng, _of_models("token_median")[asked.model], _of_models("token_sigma")[asked.model], size)
    before = np.where(spending.has_rewrite, rewrite, 0.0) + embed + search + context
    first = before + np.where(near, wait, 0.001)
    total = first + np.where(near, spending.output_tokens * each * slow, 0.0005)
    failing = before + lognormal(rng, _FAILURE_MEDIAN, _FAILURE_SIGMA, size) * slow
    drawn = Speeds(
        rewrite=np.where(spending.has_rewrite, rewrite, np.nan),
        embed=embed,
        search=search,
        context=context,
        first_token=np.where(outcomes.is_failed, np.nan, first),
        total=np.where(outcomes.is_failed, failing, total),
    )
    # Nobody measured what was interrupted.
    return Speeds(
        **{
            field.name: np.asarray(
                np.where(outcomes.is_interrupted, np.nan, getattr(drawn, field.name)).round(4), np.float64
            )
            for field in fields(Speeds)
        }
    )


def _of_models(name: str) -> Floats:
    return np.asarray([getattr(model, name) for model in MODELS], np.float64)
