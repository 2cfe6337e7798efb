"""The verdict at the last look: one of another kind is told to webhooks, once."""

from datetime import datetime

from django.db import transaction

from monitoring.experiments.figures import Verdict
from monitoring.models import Experiment, KnownVerdict
from monitoring.webhooks.telling import tell_verdict

FIRST = "no_data"  # of an experiment that has just begun


def note_verdict(*, experiment: Experiment, verdict: Verdict, now: datetime) -> None:
    """Keep the verdict, and tell of it where it is of another kind than the one before."""
    with transaction.atomic():
        Experiment.objects.select_for_update(no_key=True).only("pk").get(pk=experiment.pk)
        known = KnownVerdict.objects.filter(experiment=experiment).first()
        previous = known.kind if known else FIRST
        if verdict.kind == previous:
            return
        values = {"kind": verdict.kind, "since": now}
        KnownVerdict.objects.update_or_create(experiment=experiment, defaults=values)
        said = {
            "kind": verdict.kind,
            "text": verdict.text,
            "advice": verdict.advice,
            "is_final": verdict.is_final,
            "variant_id": verdict.variant_id,
        }
        tell_verdict(experiment=experiment, previous=previous, since=now, verdict=said)
