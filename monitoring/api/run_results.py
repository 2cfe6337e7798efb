"""What evaluation runs say: measures with their intervals, item by item, and one run against another."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.etags import tagged
from chat.api.fields import FIELDS
from chat.api.view import OF_PAGES, ApiView
from monitoring.api.figures import IntervalSerializer
from monitoring.api.runs import VIEW, RunSerializer, run_for
from monitoring.evaluation.comparison import CandidateComparison, compare_runs
from monitoring.evaluation.report import RunSummary, summarise
from monitoring.models import EvaluationItem, EvaluationRun, ItemScore

MOST_RUNS = 6  # side by side, as in the pages


class MeasureSerializer(serializers.Serializer[Any]):
    """A measure of a run. Unscored items are not in it: they are no zeros."""

    name = serializers.CharField()
    interval = IntervalSerializer(allow_null=True, help_text="Empty: no item is scored.")
    unscored = serializers.IntegerField()
    reasons = serializers.DictField(child=serializers.IntegerField(), help_text="How many are unscored, and why.")


class SliceSerializer(serializers.Serializer[Any]):
    """Items that have something in common."""

    by = serializers.CharField(help_text="tag, collection, section or length")
    label = serializers.CharField()  # type: ignore[assignment] # a field of the reply, not the field's own label
    items = serializers.IntegerField()
    measures = serializers.DictField(child=IntervalSerializer(allow_null=True))


class ResultsSerializer(serializers.Serializer[Any]):
    """All that a run says, also while it goes on."""

    run = RunSerializer()
    items = serializers.IntegerField(help_text="Distinct ones so far.")
    failed = serializers.IntegerField()
    measures = MeasureSerializer(many=True)
    slices = SliceSerializer(many=True)


class ItemScoreSerializer(serializers.ModelSerializer[ItemScore]):
    """A measure or a judge's verdict on an item. A value, or the reason why there is none."""

    class Meta:
        model = ItemScore
        fields = ["name", "value", "label", "explanation", "error", "judge_version"]


class RunItemSerializer(serializers.ModelSerializer[EvaluationItem]):
    """What a run made of an item: the ranking, and for answers the turn."""

    item = serializers.IntegerField(source="item_id")
    question = serializers.CharField(source="item.question")
    turn = serializers.IntegerField(source="turn_id", allow_null=True)
    scores = ItemScoreSerializer(many=True)

    class Meta:
        model = EvaluationItem
        fields = [
            "id",
            "item",
            "question",
            "repetition",
            "turn",
            "chunk_ids",
            "document_ids",
            "hit_scores",
            "chunk_grades",
            "search_seconds",
            "error",
            "scores",
        ]


class ComparedMeasureSerializer(serializers.Serializer[Any]):
    """A measure of two runs, on the items that both have a value for."""

    name = serializers.CharField()
    baseline = serializers.FloatField()
    candidate = serializers.FloatField()
    difference = IntervalSerializer(help_text="Candidate less baseline.")
    p_value = serializers.FloatField(help_text="Two-sided, corrected for the number of measures.")
    noise_floor = serializers.FloatField(allow_null=True, help_text="What repetition alone moves. Empty: not measured.")
    won = serializers.IntegerField()
    lost = serializers.IntegerField()
    tied = serializers.IntegerField()
    outcome = serializers.CharField(help_text="better, worse, no difference, ...")
    reason = serializers.CharField(help_text="In words.")


class ComparedRunSerializer(serializers.Serializer[Any]):
    """A run against the baseline."""

    run = RunSerializer()
    common_items = serializers.IntegerField()
    measures = ComparedMeasureSerializer(many=True)
    left_out = serializers.DictField(child=serializers.CharField(), help_text="Measures that cannot be compared: why.")


class ComparisonSerializer(serializers.Serializer[Any]):
    """The first run is the baseline, the others are held against it."""

    baseline = RunSerializer()
    candidates = ComparedRunSerializer(many=True)


class RunResults(ApiView):
    """The figures of a run."""

    access = {"GET": VIEW}
    has_etag = True

    @extend_schema(operation_id="get_run_results", responses=ResultsSerializer)
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        """Return the measures of a run, each with its interval and n, of the whole and of parts of the dataset."""
        return tagged(request, ResultsSerializer(_said(summarise(run_for(run_id), worst=0))).data)


class RunItems(ApiView):
    """What a run made of each item."""

    access = {"GET": VIEW}
    parameters = OF_PAGES

    @extend_schema(operation_id="list_run_items", parameters=[FIELDS], responses=RunItemSerializer(many=True))
    def get(self, request: Request, run_id: int) -> Response:
        """List the items that a run has finished, with their scores."""
        rows = EvaluationItem.objects.filter(run=run_for(run_id)).select_related("item").prefetch_related("scores")
        return self.page(request, rows, RunItemSerializer, ordering="pk")


class CompareRuns(ApiView):
    """Runs side by side."""

    access = {"GET": VIEW}
    other_errors = {"GET": ("422",)}

    @extend_schema(
        operation_id="compare_runs",
        parameters=[
            OpenApiParameter("run", int, many=True, required=True, description="2 to 6, the baseline first."),
            OpenApiParameter("measure", str, many=True, description="Without it: the main ones."),
        ],
        responses=ComparisonSerializer,
    )
    def get(self, request: Request) -> Response:
        """Compare runs on the same questions: which is better, and how sure that is."""
        comparison = compare_runs(_runs(request), measures=request.query_params.getlist("measure"))
        candidates = [_compared(one) for one in comparison.candidates]
        return Response(ComparisonSerializer({"baseline": comparison.baseline, "candidates": candidates}).data)


def _said(summary: RunSummary) -> dict[str, Any]:
    slices = [
        {"by": kind, "label": part.label, "items": part.items, "measures": part.measures}
        for kind, parts in summary.slices.items()
        for part in parts
    ]
    return {
        "run": summary.run,
        "items": summary.items,
        "failed": summary.failed,
        "measures": list(summary.measures.values()),
        "slices": slices,
    }


def _compared(one: CandidateComparison) -> Mapping[str, Any]:
    measures = [
        {
            "name": name,
            "baseline": found.paired.baseline,
            "candidate": found.paired.candidate,
            "difference": found.paired.difference,
            "p_value": found.corrected_p_value,
            "noise_floor": found.noise_floor,
            "won": found.paired.won,
            "lost": found.paired.lost,
            "tied": found.paired.tied,
            "outcome": found.outcome,
            "reason": found.reason,
        }
        for name, found in one.measures.items()
    ]
    return {"run": one.run, "common_items": one.common_items, "measures": measures, "left_out": one.left_out}


def _runs(request: Request) -> list[EvaluationRun]:
    """Return the runs that the address names, in its order. ValidationError for what is no run."""
    named = request.query_params.getlist("run")
    if not 2 <= len(named) <= MOST_RUNS:
        raise ValidationError({"run": f"Name two runs or more, at most {MOST_RUNS}, as ?run=1&run=2."})
    numbers = [int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0 for number in named]
    found = EvaluationRun.objects.for_list().in_bulk(numbers)
    if missing := [text for text, number in zip(named, numbers, strict=True) if number not in found]:
        raise ValidationError({"run": f"There is no run {', '.join(missing)}."})
    return [found[number] for number in numbers]
