"""Evaluation runs: starting them, with what they would cost; how far they are; stopping and resuming."""

from functools import partial
from typing import Any

from django.contrib.admin.models import ADDITION
from django.db import transaction
from django.http import HttpResponseBase
from django.shortcuts import get_list_or_404, get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.problems import ConflictError
from chat.api.view import ApiView, asked, checked
from chat.models import PipelineConfig
from chat.models.api import Scope
from monitoring.evaluation.estimate import estimate_runs
from monitoring.evaluation.report import cost_of
from monitoring.evaluation.runs import MAX_K, cancel_run, newest_version, resume_run, start_run
from monitoring.experiments.history import note
from monitoring.models import Dataset, DatasetItem, EvaluationRun

VIEW = Access(Scope.READ, "monitoring.view_evaluationrun")
START = Access(Scope.ADMIN, "monitoring.add_evaluationrun")
CHANGE = Access(Scope.ADMIN, "monitoring.change_evaluationrun")
SPLITS = [*DatasetItem.Split.choices, (EvaluationRun.ALL_SPLITS, "all")]
MOST_REPEATS, MOST_CONFIGS = 20, 20


class RunSerializer(serializers.ModelSerializer[EvaluationRun]):
    """A config put to a split of a dataset, and how far that is."""

    dataset = serializers.IntegerField(source="dataset_id")
    dataset_name = serializers.CharField(source="dataset.name")
    config = serializers.IntegerField(source="config_id")
    config_name = serializers.CharField(source="config")
    is_finished = serializers.BooleanField()
    cost_usd = serializers.SerializerMethodField(help_text="Of all calls so far. Empty: of some it is not known.")
    created_by = serializers.CharField(source="created_by.username", default="")

    class Meta:
        model = EvaluationRun
        fields = [
            "id",
            "dataset",
            "dataset_name",
            "version",
            "split",
            "config",
            "config_name",
            "kind",
            "k",
            "repeat",
            "item_limit",
            "judge_model",
            "round_trip",
            "status",
            "is_finished",
            "total_items",
            "done_items",
            "error",
            "cost_usd",
            "unpriced_calls",
            "duration_seconds",
            "created_by",
            "created_at",
            "started_at",
            "finished_at",
        ]

    def get_cost_usd(self, run: EvaluationRun) -> str | None:
        cost = cost_of(run)
        return None if cost is None else f"{cost:.8f}"


class RunListSerializer(serializers.Serializer[Any]):
    """Runs that were started together."""

    results = RunSerializer(many=True)


class NewRunsSerializer(serializers.Serializer[Any]):
    """What is evaluated: one run is started for each config."""

    dataset = serializers.PrimaryKeyRelatedField(queryset=Dataset.objects.all())
    configs = serializers.PrimaryKeyRelatedField(
        queryset=PipelineConfig.objects.select_related("embedder"), many=True, allow_empty=False
    )
    version = serializers.IntegerField(required=False, default=None, allow_null=True, min_value=1, max_value=2**31 - 1)
    split = serializers.ChoiceField(SPLITS, required=False, default=DatasetItem.Split.DEV)
    kind = serializers.ChoiceField(EvaluationRun.Kind.choices, required=False, default=EvaluationRun.Kind.RETRIEVAL)
    judge_model = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    round_trip = serializers.BooleanField(required=False, default=False, help_text="Ask back; for answers only.")
    k = serializers.IntegerField(required=False, default=5, min_value=1, max_value=MAX_K, help_text="The cutoff.")
    item_limit = serializers.IntegerField(
        required=False, default=None, allow_null=True, min_value=1, max_value=2**31 - 1, help_text="Empty: all."
    )
    repeat = serializers.IntegerField(required=False, default=1, min_value=1, max_value=MOST_REPEATS)

    def validate_configs(self, value: list[PipelineConfig]) -> list[PipelineConfig]:
        if len(value) > MOST_CONFIGS:
            raise serializers.ValidationError(f"At most {MOST_CONFIGS} configs at once.")
        return value


class EstimateSerializer(serializers.Serializer[Any]):
    """How large runs would be."""

    items = serializers.IntegerField()
    asked = serializers.IntegerField(help_text="Items x repetitions x configs.")
    cost_usd = serializers.DecimalField(14, 8, allow_null=True, help_text="Empty: not known; `unknown` says of what.")
    unknown = serializers.ListField(child=serializers.CharField())


class RunsQuery(serializers.Serializer[Any]):
    """Which runs."""

    dataset = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    config = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    split = serializers.ChoiceField(SPLITS, required=False)
    kind = serializers.ChoiceField(EvaluationRun.Kind.choices, required=False)
    status = serializers.ChoiceField(EvaluationRun.Status.choices, required=False)


class Runs(ApiView):
    """Evaluation runs."""

    access = {"GET": VIEW, "POST": START}
    no_key = ""

    @extend_schema(operation_id="list_runs", parameters=[RunsQuery], responses=RunSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List evaluation runs, the newest first."""
        rows = EvaluationRun.objects.for_list().filter(**asked(request, RunsQuery))
        return self.page(request, rows, RunSerializer, ordering="-pk")

    @extend_schema(
        operation_id="start_runs",
        request=NewRunsSerializer,
        responses={201: RunListSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Start a run for each config, all or none; the worker takes them up. Refused where the budget is used up."""
        return once(request, partial(_start, request), _shown)


class Estimation(ApiView):
    """The size of runs, before they are started."""

    access = {"POST": START}

    @extend_schema(operation_id="estimate_runs", request=NewRunsSerializer, responses=EstimateSerializer)
    def post(self, request: Request) -> Response:
        """Say how many questions runs would ask and what that would cost, going by what earlier turns cost."""
        values = checked(NewRunsSerializer, request.data)
        values.pop("k")
        values["version"] = newest_version(values["dataset"], values["version"])
        return Response(EstimateSerializer(estimate_runs(**values)).data)


class OneRun(ApiView):
    """An evaluation run."""

    access = {"GET": VIEW}
    has_etag = True

    @extend_schema(operation_id="get_run", responses=RunSerializer)
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        """Return a run: how far it is."""
        return tagged(request, RunSerializer(run_for(run_id)).data)


class Cancelling(ApiView):
    """A run that is to stop."""

    access = {"POST": CHANGE}
    takes_no_body = True
    other_errors = {"POST": ("409",)}

    @extend_schema(operation_id="cancel_run", request=None, responses=RunSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        """Ask for a run to be stopped; what is finished stays."""
        run = run_for(run_id)
        if run.is_finished:
            raise ConflictError(f"{run} is not going on: there is nothing to cancel.", code="finished")
        cancel_run(run=run)
        note(run, request.user, "Cancelled.")
        return Response(RunSerializer(run_for(run_id)).data)


class Resuming(ApiView):
    """A run that is to go on."""

    access = {"POST": CHANGE}
    takes_no_body = True

    @extend_schema(operation_id="resume_run", request=None, responses=RunSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        """Let a run go on where it was; items that failed are asked again."""
        run = run_for(run_id)
        resume_run(run=run)
        note(run, request.user, "Resumed.")
        return Response(RunSerializer(run_for(run_id)).data)


def run_for(run_id: int) -> EvaluationRun:
    """Return a run with what is shown of it, or 404."""
    return get_object_or_404(EvaluationRun.objects.for_list(), pk=run_id)


def _start(request: Request) -> Done:
    values = checked(NewRunsSerializer, request.data)
    configs = values.pop("configs")
    with transaction.atomic():
        runs = [start_run(config=config, user=request.user, **values) for config in configs]
    for run in runs:
        note(run, request.user, "Started.", flag=ADDITION)
    return Done([run.pk for run in runs])


def _shown(run_ids: list[int]) -> Any:
    """Return runs that were started together, without those that were deleted since; 404 where none is left."""
    runs = get_list_or_404(EvaluationRun.objects.for_list().order_by("pk"), pk__in=run_ids)
    return RunListSerializer({"results": runs}).data
