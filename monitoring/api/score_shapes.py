"""Scores in and out in the shapes of Langfuse and Phoenix."""

from collections import Counter
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.view import ApiView, asked
from chat.models.api import Scope
from chat.streamed_lines import LinesResponse
from monitoring.api.scores import ScoresQuery, found
from monitoring.scoring.exporting import IDS, OWN, export_lines
from monitoring.scoring.importing import MOST_ROWS, import_scores
from monitoring.scoring.shapes import SHAPES

STORED, SOME = 201, 207
SHAPE = OpenApiParameter("shape", str, required=True, enum=list(SHAPES), description="Whose shape the rows have.")


class ShapeQuery(serializers.Serializer[Any]):
    """Whose shape the rows have."""

    shape = serializers.ChoiceField(list(SHAPES))


class ExportQuery(ScoresQuery):
    """Which scores, in whose shape."""

    shape = serializers.ChoiceField(list(SHAPES))
    ids = serializers.ChoiceField(
        IDS, default=OWN, help_text="By which turns are named: their ids here, or of their spans as they were sent."
    )


class RowResultSerializer(serializers.Serializer[Any]):
    """What became of a row."""

    row = serializers.IntegerField(help_text="Its place, the first being 0.")
    score_id = serializers.IntegerField(allow_null=True, help_text="Empty: it was not stored.")
    is_new = serializers.BooleanField(help_text="False: it took an earlier one's place, or was not stored.")
    ignored = serializers.ListField(child=serializers.CharField(), help_text="Fields that have no place here.")
    error = serializers.CharField(help_text="Why it was not stored. Empty: it was.")


class ImportedSerializer(serializers.Serializer[Any]):
    """What became of all rows, in their order."""

    stored = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = RowResultSerializer(many=True)


class ImportScores(ApiView):
    """Scores of another system."""

    access = {"POST": Access(Scope.SCORE)}

    @extend_schema(
        operation_id="import_scores",
        parameters=[SHAPE],
        request=OpenApiTypes.OBJECT,
        responses={
            STORED: OpenApiResponse(ImportedSerializer, "All rows were stored."),
            SOME: OpenApiResponse(ImportedSerializer, "Some rows were not, or none; each says why."),
        },
    )
    def post(self, request: Request) -> Response:
        """Store scores in the shape of Langfuse (`POST /api/public/scores`) or Phoenix (`POST /v1/span_annotations`):
        one object, a list, or `{"data": [...]}`, up to 1,000 at once. Each row is stored or says why not."""
        shape = asked(request, ShapeQuery, also=frozenset())["shape"]
        results = import_scores(rows=_rows(request.data), shape=shape, author=request.user)
        counts = Counter(bool(result.error) for result in results)
        data = {"stored": counts[False], "failed": counts[True], "results": results}
        return Response(ImportedSerializer(data).data, status=SOME if counts[True] else STORED)


class ExportScores(ApiView):
    """Scores for another system."""

    access = {"GET": Access(Scope.READ)}

    @extend_schema(
        operation_id="export_scores",
        parameters=[ExportQuery],
        responses={(200, "application/json"): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Send scores in the shape of another system, streamed, oldest first. Each is what its address takes, and the
        whole, `{"data": [...]}`, is what the import takes. Verdicts that failed have no place in these shapes and are
        left out."""
        wanted = asked(request, ExportQuery, also=frozenset())
        shape, ids = wanted.pop("shape"), wanted.pop("ids")
        lines = export_lines(found(request, wanted), shape=shape, reader=request.user, ids=ids)
        return LinesResponse(lines, content_type="application/json")


def _rows(data: Any) -> list[Any]:
    """Return the rows of a body; ValidationError where there are none, or too many."""
    rows = data.get("data", [data]) if isinstance(data, dict) else data
    if not isinstance(rows, list) or not rows:
        raise ValidationError({"data": "Send one score, a list of scores, or an object with a list of them as data."})
    if len(rows) > MOST_ROWS:
        raise ValidationError({"data": f"{len(rows):,} rows; at most {MOST_ROWS:,} are taken at once."})
    return rows
