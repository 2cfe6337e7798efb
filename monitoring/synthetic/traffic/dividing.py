"""The A/B test of a world as a real experiment: its users are divided by the assignment that divides people, and its
figures and verdict are made as theirs. Its origin is SYNTHETIC, so it takes nobody's part of the live traffic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from chat.models.conversation import Origin
from monitoring.experiments.assignment import bucket_of
from monitoring.models import Experiment, Exposure, Guardrail, Variant
from monitoring.models.experiments import BUCKETS
from monitoring.synthetic.traffic.profiles import CHALLENGER, CHALLENGER_SPLIT, CONTROL

KPI, SMALLEST_EFFECT = "up_ratio", 0.03
GUARDRAILS = (("error_ratio", 0.01), ("groundedness_failing", 0.03))
# The same for all worlds: a made-up user is told by the name, so that the same arguments make the same world anywhere.
SALT = "synthetic"
HYPOTHESIS = "Made-up traffic: answers of the challenger are liked more, and are no worse otherwise."
ENDED = "The made-up history ends here."


@dataclass(frozen=True, slots=True)
class Divided:
    """The experiment of a world: ids, and the users who have an exposure of it already."""

    experiment_id: int
    control_id: int
    challenger_id: int
    exposed_user_ids: frozenset[int] = frozenset()


def is_challenger(name: str, split: float = CHALLENGER_SPLIT) -> bool:
    """Whether a user gets the challenger, as a share `split` of all users does; the control has the first buckets."""
    return bucket_of(SALT, name) >= round((1 - split) * BUCKETS)


@transaction.atomic
def ensure_experiment(*, since: datetime, until: datetime, config_ids: Sequence[int]) -> Divided:
    """Return the experiment of these days, which is made if it is missing. It has run already, so it does not go the
    way of those that people start now."""
    name = f"Demo: kinder answers, {since:%Y-%m-%d} to {until:%Y-%m-%d}"
    experiment, is_new = Experiment.objects.get_or_create(
        name=name,
        defaults={
            "hypothesis": HYPOTHESIS,
            "origin": Origin.SYNTHETIC,
            "primary_kpi": KPI,
            "smallest_effect": SMALLEST_EFFECT,
            "salt": SALT,
            "status": Experiment.Status.STOPPED,
            "first_bucket": 0,
            "started_at": since,
            "stopped_at": until,
            "stop_reason": ENDED,
        },
    )
    if is_new:
        challengers = round(CHALLENGER_SPLIT * BUCKETS)
        shares = ((CONTROL, "current", BUCKETS - challengers), (CHALLENGER, "challenger", challengers))
        Variant.objects.bulk_create(
            Variant(
                experiment=experiment,
                name=title,
                config_id=config_ids[place],
                share=share,
                is_control=place == CONTROL,
            )
            for place, title, share in shares
        )
        Guardrail.objects.bulk_create(Guardrail(experiment=experiment, kpi=kpi, margin=m) for kpi, m in GUARDRAILS)
    else:
        experiment.started_at = min(experiment.started_at or since, since)
        experiment.stopped_at = max(experiment.stopped_at or until, until)
        experiment.save(update_fields=["started_at", "stopped_at"])
    control, challenger = experiment.variants.values_list("pk", flat=True)
    exposed = Exposure.objects.filter(experiment=experiment, user__isnull=False).values_list("user_id", flat=True)
    return Divided(experiment.pk, control, challenger, frozenset(pk for pk in exposed if pk is not None))
