"""Exports of turns: ordering them, how far they are, and their files."""

from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.problems import ConflictError
from chat.api.view import ApiView, asked, checked
from chat.models.api import Scope
from chat.models.conversation import Origin
from chat.services.turn_choices import OUTCOMES, VOTES
from monitoring.api.queries import RangeQuery
from monitoring.downloads import download
from monitoring.experiments.history import note
from monitoring.exports.formats import FORMATS
from monitoring.exports.orders import cancel_export, delete_export, start_export
from monitoring.exports.sending import file_of, size_of
from monitoring.judges.criteria import CRITERIA
from monitoring.models import Export

EXPORT = Access(Scope.ADMIN, "monitoring.export_turns")
MOST_ID = 2**63 - 1
FAILING = [name for name, criterion in CRITERIA.items() if criterion.failing]
FILE = {(200, one.media_type.partition(";")[0]): OpenApiTypes.BINARY for one in FORMATS.values()}


class FiltersSerializer(RangeQuery):
    """Which turns, as in the addresses of the admin's list of turns."""

    origin = serializers.ChoiceField(Origin.choices, required=False, default=Origin.USER)
    collection = serializers.IntegerField(
        required=False, min_value=0, max_value=MOST_ID, help_text="0: all collections were searched."
    )
    config = serializers.IntegerField(required=False, min_value=1, max_value=MOST_ID)
    model = serializers.CharField(required=False, max_length=200, help_text="The exact name.")
    outcome = serializers.ChoiceField(list(OUTCOMES), required=False)
    vote = serializers.ChoiceField(list(VOTES), required=False)
    failing = serializers.ChoiceField(FAILING, required=False, help_text="Wrong, as a judge says by this.")
    topic = serializers.IntegerField(required=False, min_value=1, max_value=MOST_ID)
    variant = serializers.IntegerField(required=False, min_value=1, max_value=MOST_ID)
    imported = serializers.CharField(
        required=False, max_length=100, help_text='From this source; "*": from anywhere; "-": asked here.'
    )


class ExportSerializer(serializers.ModelSerializer[Export]):
    """An export, and how far it is."""

    filters = serializers.DictField(source="choice", child=serializers.CharField())
    created_by = serializers.CharField(source="created_by.username", default="")
    removed_at = serializers.DateTimeField(allow_null=True, help_text="When it goes, with its file.")

    class Meta:
        model = Export
        fields = [
            "id",
            "filters",
            "words",
            "file_format",
            "users",
            "with_texts",
            "status",
            "error",
            "total_turns",
            "done_turns",
            "size_bytes",
            "created_by",
            "created_at",
            "finished_at",
            "removed_at",
        ]


class NewExportSerializer(serializers.Serializer[Any]):
    """What is exported, and how."""

    filters = FiltersSerializer(required=False)
    file_format = serializers.ChoiceField(Export.FileFormat.choices, required=False, default=Export.FileFormat.JSONL)
    users = serializers.ChoiceField(Export.Users.choices, required=False, default=Export.Users.IDS)
    with_texts = serializers.BooleanField(required=False, default=True)


class ExportsQuery(serializers.Serializer[Any]):
    """Which exports."""

    status = serializers.ChoiceField(Export.Status.choices, required=False)


class ExportView(ApiView):
    """Who may not read turns may not take them along either."""

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        user: Any = request.user  # of the settings' model
        if not user.has_perm("chat.view_turn"):
            raise PermissionDenied('You lack the permission "chat.view_turn".', code="permission_missing")


class Exports(ExportView):
    """Exports of turns."""

    access = {"GET": EXPORT, "POST": EXPORT}
    no_key = ""

    @extend_schema(operation_id="list_exports", parameters=[ExportsQuery], responses=ExportSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List exports, the newest first. They go a week after they were done."""
        return self.page(request, _exports().filter(**asked(request, ExportsQuery)), ExportSerializer, ordering="-pk")

    @extend_schema(
        operation_id="start_export",
        request=NewExportSerializer,
        responses={201: ExportSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Order an export of turns that were asked until now; the worker makes it."""
        return once(request, partial(_start, request), _shown)


class OneExport(ExportView):
    """An export."""

    access = {"GET": EXPORT, "DELETE": EXPORT}

    @extend_schema(operation_id="get_export", responses=ExportSerializer)
    def get(self, request: Request, export_id: int) -> Response:
        """Return an export: how far it is."""
        return Response(_shown(export_id))

    @extend_schema(operation_id="delete_export", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, export_id: int) -> Response:
        """Delete an export with its file; one that is being made is stopped by that."""
        export = get_object_or_404(_exports(), pk=export_id)
        note(export, request.user, f"Removed: {export.words}.", flag=DELETION)
        delete_export(export=export)
        return Response(status=204)


class CancellingExport(ExportView):
    """An export that is to stop."""

    access = {"POST": EXPORT}
    takes_no_body = True
    other_errors = {"POST": ("409",)}

    @extend_schema(operation_id="cancel_export", request=None, responses=ExportSerializer)
    def post(self, request: Request, export_id: int) -> Response:
        """Ask for an export to be stopped; it leaves no file."""
        export = get_object_or_404(_exports(), pk=export_id)
        if not export.is_open:
            raise ConflictError(f"{export} is not being made: there is nothing to cancel.", code="finished")
        cancel_export(export=export)
        return Response(_shown(export_id))


class LinesRenderer(JSONRenderer):
    """So that a client may ask for what it gets; errors are problem details in any case."""

    media_type = "application/jsonl"
    format = "jsonl"


class TableRenderer(LinesRenderer):
    """The same for CSV."""

    media_type = "text/csv"
    format = "csv"


class ParquetRenderer(LinesRenderer):
    """The same for Parquet."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"


class ExportFile(ExportView):
    """The file of an export."""

    access = {"GET": EXPORT}
    other_errors = {"GET": ("409",)}
    renderer_classes = [JSONRenderer, LinesRenderer, TableRenderer, ParquetRenderer]

    @extend_schema(operation_id="download_export", responses=FILE)
    def get(self, request: Request, export_id: int) -> HttpResponseBase:
        """Send the file, in the format that was ordered, a piece at a time."""
        export = get_object_or_404(_exports(), pk=export_id)
        if not export.is_done:
            raise ConflictError(f"{export} is {export.get_status_display()}: there is no file.", code="not_finished")
        if request.method == "GET":
            note(export, request.user, f"Downloaded: {export.words}.", flag=CHANGE)
        media_type = FORMATS[export.file_format].media_type
        # the request of Django, which says whether the server is asynchronous
        return download(
            request._request, file_of(export), name=export.file_name, media_type=media_type, size=size_of(export)
        )


def _start(request: Request) -> Done:
    values = checked(NewExportSerializer, request.data)
    filters = values.pop("filters", None) or {}
    typed = {name: value.isoformat() if isinstance(value, datetime) else str(value) for name, value in filters.items()}
    export = start_export(typed=typed, author=request.user, **values)
    note(export, request.user, f"Ordered: {export.words}.", flag=ADDITION)
    return Done(export.pk)


def _exports() -> QuerySet[Export]:
    return Export.objects.select_related("created_by")


def _shown(export_id: int) -> Any:
    return ExportSerializer(get_object_or_404(_exports(), pk=export_id)).data
