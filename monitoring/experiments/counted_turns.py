"""The turns that count for a variant of an experiment, as its figures count them (SQL function reports.kpi_units)."""

from django.db.models import Exists, OuterRef, Q

from monitoring.models import Experiment, Exposure, Pin, Variant


def counted_for(variant: Variant) -> Q:
    """Return the condition that a turn counts for the variant: its unit has met the variant by then and is not pinned,
    the variant's config answered, and nobody chose a config for the conversation."""
    experiment = variant.experiment
    whose = "conversation" if experiment.unit == Experiment.Unit.CONVERSATION else "user"
    unit = OuterRef("conversation_id" if whose == "conversation" else "conversation__user_id")
    met = Exposure.objects.filter(variant=variant, exposed_at__lte=OuterRef("created_at"), **{whose: unit})
    pinned = Pin.objects.filter(experiment=experiment, user=OuterRef("conversation__user_id"))
    found = Q(Exists(met)) & ~Q(Exists(pinned))
    found &= Q(config_id=variant.config_id, origin=experiment.origin, conversation__config__isnull=True)
    if experiment.stopped_at:
        found &= Q(created_at__lt=experiment.stopped_at)
    if collections := list(experiment.collections.values_list("pk", flat=True)):
        found &= Q(collection__in=collections)
    return found
