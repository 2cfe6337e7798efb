"""Experiments as the API shows them, and as a draft of one is sent. Shares are 0 to 1 here, and parts of 10,000 where
they are stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Group
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from chat.api.named import NamedField
from chat.models import Collection, PipelineConfig
from monitoring.experiments.comparing import comparable_runs
from monitoring.experiments.drafts import GuardrailDraft, VariantDraft, draft_problems
from monitoring.experiments.kpis import KPIS
from monitoring.experiments.lifecycle import stored_drafts
from monitoring.models import Experiment, Guardrail, Variant
from monitoring.models.experiments import BUCKETS

MOST_VARIANTS = 6  # as in the admin
KPI_NAMES = list(KPIS)
# Fields of a draft that are stored as they are sent.
PLAIN = (
    "name",
    "hypothesis",
    "unit",
    "primary_kpi",
    "smallest_effect",
    "alpha",
    "power",
    "minimum_days",
    "minimum_units",
    "is_aa",
    "stops_on_guardrail",
    "justified_by",
)


class VariantSerializer(serializers.ModelSerializer[Variant]):
    """A variant."""

    config = serializers.IntegerField(source="config_id")
    config_name = serializers.CharField(source="config")
    share = serializers.SerializerMethodField(help_text="Of the units in the experiment, 0 to 1.")

    class Meta:
        model = Variant
        fields = ["id", "name", "config", "config_name", "share", "is_control"]

    def get_share(self, variant: Variant) -> float:
        return variant.share / BUCKETS


class GuardrailSerializer(serializers.ModelSerializer[Guardrail]):
    """A figure that must not get worse by more than the margin."""

    class Meta:
        model = Guardrail
        fields = ["kpi", "margin"]


class ExperimentSerializer(serializers.ModelSerializer[Experiment]):
    """An experiment on live traffic."""

    traffic = serializers.SerializerMethodField(help_text="Share of all units that it takes, 0 to 1.")
    variants = VariantSerializer(many=True)
    guardrails = GuardrailSerializer(many=True)
    collections: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    groups: Any = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)
    winner = serializers.IntegerField(source="winner_id", allow_null=True)
    justified_by = serializers.IntegerField(source="justified_by_id", allow_null=True)

    class Meta:
        model = Experiment
        fields = [
            "id",
            "name",
            "hypothesis",
            "status",
            "origin",
            "unit",
            "traffic",
            "primary_kpi",
            "smallest_effect",
            "alpha",
            "power",
            "minimum_days",
            "minimum_units",
            "is_aa",
            "stops_on_guardrail",
            "variants",
            "guardrails",
            "collections",
            "groups",
            "justified_by",
            "created_at",
            "started_at",
            "stopped_at",
            "stop_reason",
            "concluded_at",
            "conclusion",
            "winner",
        ]

    def get_traffic(self, experiment: Experiment) -> float:
        return experiment.traffic / BUCKETS


class NewVariantSerializer(serializers.Serializer[Any]):
    """A variant as it is asked for."""

    name = serializers.CharField(max_length=40)
    config = serializers.PrimaryKeyRelatedField(queryset=PipelineConfig.objects.own())
    share = serializers.FloatField(min_value=1 / BUCKETS, max_value=1 - 1 / BUCKETS, help_text="0 to 1; together 1.")
    is_control = serializers.BooleanField(
        required=False, default=False, help_text="The others are compared with it. Of none: the first is the control."
    )


class NewGuardrailSerializer(serializers.Serializer[Any]):
    """A figure that must not get worse by more than the margin."""

    kpi = serializers.ChoiceField(KPI_NAMES)
    margin = serializers.FloatField(required=False, default=0.0, min_value=0, help_text="In the KPI's own unit.")


class DraftSerializer(serializers.ModelSerializer[Experiment]):
    """A draft of an experiment; what is left out is as in the admin's form."""

    primary_kpi = serializers.ChoiceField(KPI_NAMES, help_text="The one figure that decides.")
    traffic = serializers.FloatField(
        required=False, default=1.0, min_value=1 / BUCKETS, max_value=1, help_text="Share of all units, 0 to 1."
    )
    smallest_effect = serializers.FloatField(
        min_value=0, help_text="The smallest difference worth knowing, in the KPI's own unit (0.03: three points)."
    )
    variants = NewVariantSerializer(many=True, min_length=2, max_length=MOST_VARIANTS)  # type: ignore[call-arg] # stubs know no lists
    guardrails = NewGuardrailSerializer(  # type: ignore[call-arg] # stubs know no lists
        many=True, required=False, default=list, max_length=len(KPIS)
    )
    collections = serializers.PrimaryKeyRelatedField(
        many=True, required=False, queryset=Collection.objects.all(), help_text="Conversations on these. None: all."
    )
    groups = NamedField(
        slug_field="name",
        many=True,
        required=False,
        queryset=Group.objects.all(),
        help_text="Members of these. None: everybody.",
    )
    justified_by = serializers.PrimaryKeyRelatedField(
        required=False,
        allow_null=True,
        queryset=comparable_runs(),
        help_text="The evaluation run of the new config, with answers.",
    )

    class Meta:
        model = Experiment
        fields = [*PLAIN, "traffic", "variants", "guardrails", "collections", "groups"]

    def validate_smallest_effect(self, value: float) -> float:
        if value == 0:
            raise ValidationError("No traffic is enough to find nothing at all: more than 0, please.")
        return value

    def validate_variants(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if abs(total := sum(one["share"] for one in value) - 1) > 0.5 / BUCKETS:
            raise ValidationError(f"The shares make {total + 1:g} together; they must make 1.")
        return value


def as_sent(experiment: Experiment) -> dict[str, Any]:
    """Return a draft that is stored as it would be sent."""
    variants, guardrails = stored_drafts(experiment)
    return {
        **{name: getattr(experiment, name) for name in PLAIN},
        "justified_by": experiment.justified_by_id,
        "traffic": experiment.traffic / BUCKETS,
        "variants": [
            {"name": one.name, "config": one.config.pk, "share": one.share / BUCKETS, "is_control": one.is_control}
            for one in variants
        ],
        "guardrails": [{"kpi": one.kpi, "margin": one.margin} for one in guardrails],
        "collections": [row.pk for row in experiment.collections.all()],
        "groups": [row.name for row in experiment.groups.all()],
    }


def draft_of(experiment: Experiment, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Write what was sent into an experiment, which is not saved, and return what `save_draft` takes. Raises
    ValidationError, by field, for what cannot be started so."""
    for name in PLAIN:
        if name in sent:
            setattr(experiment, name, sent[name])
    experiment.traffic = round(sent["traffic"] * BUCKETS)
    variants = _variants(sent["variants"])
    guardrails = [GuardrailDraft(one["kpi"], one["margin"]) for one in sent["guardrails"]]
    if problems := draft_problems(experiment, variants, guardrails):
        raise ValidationError(problems)
    return {
        "experiment": experiment,
        "variants": variants,
        "guardrails": guardrails,
        "collections": sent.get("collections", []),
        "groups": sent.get("groups", []),
    }


def _variants(sent: Sequence[Mapping[str, Any]]) -> list[VariantDraft]:
    parts = _parts([one["share"] for one in sent])
    has_control = any(one["is_control"] for one in sent)
    return [
        VariantDraft(one["name"], one["config"], part, one["is_control"] if has_control else place == 0)
        for place, (one, part) in enumerate(zip(sent, parts, strict=True))
    ]


def _parts(shares: Sequence[float]) -> list[int]:
    """Return shares as whole parts of 10,000 that make 10,000 together: of three thirds one gets one part more."""
    parts = [int(share * BUCKETS) for share in shares]
    missed = sorted(range(len(parts)), key=lambda place: parts[place] - shares[place] * BUCKETS)
    for place in missed[: BUCKETS - sum(parts)]:
        parts[place] += 1
    return parts
