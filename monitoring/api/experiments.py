"""Experiments: what is divided, what is known, and starting, stopping and concluding them."""

from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.view import ApiView, checked
from chat.models.api import Scope
from chat.models.conversation import Origin
from monitoring.api.queries import asked
from monitoring.experiments import lifecycle
from monitoring.models import Experiment, Guardrail, Variant
from monitoring.models.experiments import BUCKETS, ExperimentQuerySet

VIEW = Access(Scope.READ, "monitoring.view_experiment")
RUN = Access(Scope.ADMIN, "monitoring.run_experiment")
DEFAULTS = "chat.change_pipelineconfig"


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


class ExperimentsQuery(serializers.Serializer[Any]):
    """Which experiments."""

    status = serializers.ChoiceField(Experiment.Status.choices, required=False)
    origin = serializers.ChoiceField(Origin.choices, required=False)


class StopSerializer(serializers.Serializer[Any]):
    """Why it is stopped."""

    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=1000)


class ConclusionSerializer(serializers.Serializer[Any]):
    """What was learned, and from which variant."""

    text = serializers.CharField(max_length=10_000)
    winner = serializers.IntegerField(required=False, allow_null=True, default=None, help_text="Empty: no variant.")
    make_default = serializers.BooleanField(
        required=False, default=False, help_text="Let the winner's config answer from now on."
    )


class Experiments(ApiView):
    """Experiments."""

    access = {"GET": VIEW}

    @extend_schema(
        operation_id="list_experiments", parameters=[ExperimentsQuery], responses=ExperimentSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List experiments, the newest first."""
        rows = _whole(Experiment.objects.filter(**asked(request, ExperimentsQuery)))
        return self.page(request, rows, ExperimentSerializer, ordering="-pk")


class OneExperiment(ApiView):
    """An experiment."""

    access = {"GET": VIEW}

    @extend_schema(operation_id="get_experiment", responses=ExperimentSerializer)
    def get(self, request: Request, experiment_id: int) -> HttpResponseBase:
        """Return an experiment."""
        return tagged(request, _shown(experiment_id).data)


class Starting(ApiView):
    """A draft that is to divide traffic."""

    access = {"POST": RUN}

    @extend_schema(operation_id="start_experiment", request=None, responses=ExperimentSerializer)
    def post(self, request: Request, experiment_id: int) -> Response:
        """Start a draft; what was started does not change."""
        lifecycle.start(experiment=_of_people(experiment_id), by=request.user)
        return _shown(experiment_id)


class Stopping(ApiView):
    """An experiment that is to end."""

    access = {"POST": RUN}

    @extend_schema(operation_id="stop_experiment", request=StopSerializer, responses=ExperimentSerializer)
    def post(self, request: Request, experiment_id: int) -> Response:
        """Stop an experiment: everybody gets the default config again, and what is known stays."""
        reason = checked(StopSerializer, request.data)["reason"]
        lifecycle.stop(experiment=_of_people(experiment_id), by=request.user, reason=reason)
        return _shown(experiment_id)


class Concluding(ApiView):
    """What an experiment has taught."""

    access = {"POST": RUN}

    @extend_schema(operation_id="conclude_experiment", request=ConclusionSerializer, responses=ExperimentSerializer)
    def post(self, request: Request, experiment_id: int) -> Response:
        """Write down what was learned, for good; one that runs is stopped by it. Making the winner the default needs
        the permission `chat.change_pipelineconfig` too."""
        experiment, said = _of_people(experiment_id), checked(ConclusionSerializer, request.data)
        winner = experiment.variants.filter(pk=said["winner"]).first() if said["winner"] is not None else None
        if said["winner"] is not None and winner is None:
            raise ValidationError({"winner": f"{said['winner']} is no variant of this experiment."})
        if said["make_default"] and winner is None:
            raise ValidationError({"make_default": "There is no winner that could become the default."})
        user: Any = request.user  # signed in: permissions are looked at before
        if said["make_default"] and not user.has_perm(DEFAULTS):
            raise PermissionDenied(f'You lack the permission "{DEFAULTS}".', code="permission_missing")
        with transaction.atomic():
            lifecycle.conclude(experiment=experiment, winner=winner, text=said["text"], by=user)
            if said["make_default"]:
                lifecycle.make_winner_default(experiment=experiment, by=user)
        return _shown(experiment_id)


def _whole(rows: ExperimentQuerySet) -> ExperimentQuerySet:
    """Return experiments with what is shown of them."""
    variants = Prefetch("variants", Variant.objects.select_related("config"))
    return rows.prefetch_related(variants, "guardrails", "collections")


def _of_people(experiment_id: int) -> Experiment:
    """Return an experiment on people; that of demo data goes with the demo data, and its configs must answer nobody."""
    return get_object_or_404(Experiment.objects.of_people(), pk=experiment_id)


def _shown(experiment_id: int) -> Response:
    experiment = get_object_or_404(_whole(Experiment.objects.all()), pk=experiment_id)
    return Response(ExperimentSerializer(experiment).data)
