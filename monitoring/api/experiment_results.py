"""What is known of an experiment: each figure of each variant against the control, and the verdict."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from chat.api.etags import tagged
from chat.api.view import ApiView
from monitoring.api.experiments import VIEW
from monitoring.experiments.results import latest_results
from monitoring.models import Experiment


class ExperimentVerdictSerializer(serializers.Serializer[Any]):
    """What to say, and what to do."""

    kind = serializers.CharField(help_text="better, worse, no_difference, undecided, early, invalid, harmful, ...")
    text = serializers.CharField()
    advice = serializers.CharField()
    is_final = serializers.BooleanField(help_text="Whether one may stop with it.")
    variant_id = serializers.IntegerField(allow_null=True)


class ComparedKpiSerializer(serializers.Serializer[Any]):
    """One KPI of a variant against the control, in the KPI's own unit. `low` to `high` holds at all looks at once,
    `fixed_low` to `fixed_high` only for who looks once. Unknown is null."""

    kpi = serializers.CharField(source="kpi.name")
    title = serializers.CharField(source="kpi.title")
    unit = serializers.CharField(source="kpi.unit")
    better = serializers.CharField(source="kpi.better", help_text="higher or lower")
    role = serializers.CharField(help_text="primary: it decides; guardrail: it must not get worse; secondary.")
    control = serializers.FloatField(allow_null=True)
    value = serializers.FloatField(allow_null=True)
    control_units = serializers.IntegerField()
    units = serializers.IntegerField(help_text="With something to count.")
    control_n = serializers.FloatField()
    n = serializers.FloatField()
    difference = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    fixed_low = serializers.FloatField(allow_null=True)
    fixed_high = serializers.FloatField(allow_null=True)
    alpha = serializers.FloatField()
    margin = serializers.FloatField(allow_null=True, help_text="Of a guardrail.")
    state = serializers.CharField(allow_null=True, help_text="Of a guardrail: broken, kept or open.")


class PowerSerializer(serializers.Serializer[Any]):
    """How much it takes to find the smallest effect, both variants together. Unknown is null."""

    units_needed = serializers.IntegerField(allow_null=True)
    units = serializers.IntegerField()
    units_per_day = serializers.FloatField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    power_now = serializers.FloatField(allow_null=True)


class VariantFiguresSerializer(serializers.Serializer[Any]):
    """A variant; the control has no comparisons, and no verdict."""

    variant_id = serializers.IntegerField()
    name = serializers.CharField()
    config_id = serializers.IntegerField()
    is_control = serializers.BooleanField()
    share = serializers.FloatField(help_text="Planned, 0 to 1.")
    units = serializers.IntegerField(help_text="That met it.")
    got = serializers.FloatField(allow_null=True, help_text="Share of all units, 0 to 1.")
    values = serializers.DictField(child=serializers.FloatField(allow_null=True), help_text="By KPI.")
    comparisons = ComparedKpiSerializer(many=True)
    verdict = ExperimentVerdictSerializer(allow_null=True)
    power = PowerSerializer(allow_null=True)


class MismatchSerializer(serializers.Serializer[Any]):
    """Whether units were divided as planned."""

    p_value = serializers.FloatField(allow_null=True)
    is_raised = serializers.BooleanField()


class ExperimentResultsSerializer(serializers.Serializer[Any]):
    """An experiment at a time. `verdict` is that of the variant that matters most."""

    experiment_id = serializers.IntegerField()
    at = serializers.DateTimeField()
    days = serializers.FloatField(help_text="Of running.")
    primary = serializers.CharField(source="primary.name")
    smallest_effect = serializers.FloatField()
    is_novel = serializers.BooleanField(help_text="In its first days, when people try what is new.")
    mismatch = MismatchSerializer()
    variants = VariantFiguresSerializer(many=True)
    verdict = ExperimentVerdictSerializer()


class ExperimentResults(ApiView):
    """The figures of an experiment."""

    access = {"GET": VIEW}
    has_etag = True

    @extend_schema(operation_id="get_experiment_results", responses=ExperimentResultsSerializer)
    def get(self, request: Request, experiment_id: int) -> HttpResponseBase:
        """Return what is known of an experiment, with its verdict, as of this minute."""
        experiment = get_object_or_404(Experiment, pk=experiment_id)
        return tagged(request, ExperimentResultsSerializer(latest_results(experiment)).data)
