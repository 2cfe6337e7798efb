"""Datasets as files: CSV and JSONL in and out."""

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.named import NamedField
from chat.api.view import ApiView, asked, checked
from chat.models import Collection
from chat.models.api import Scope
from chat.streamed_lines import LinesResponse
from monitoring.datasets.columns import USUAL_NAMES, Columns
from monitoring.datasets.exports import FORMATS, export_items, file_name
from monitoring.datasets.imports import ImportOptions, ImportReport, import_items
from monitoring.models import Dataset, DatasetItem

AUTO = "auto"
SPLITS = [(AUTO, "by document"), *DatasetItem.Split.choices]


class FileSerializer(serializers.Serializer[Any]):
    """A file of questions, and how it is read. `*_column` name columns that are not called as an export calls them."""

    file = serializers.FileField(help_text="CSV or JSONL.")
    dataset = serializers.CharField(max_length=60, help_text="Made where there is none of that name.")
    collection = NamedField(
        slug_field="name",
        queryset=Collection.objects.all(),
        required=False,
        default=None,
        help_text="By name. Empty: by column.",
    )
    split = serializers.ChoiceField(
        SPLITS, required=False, default="", help_text="auto: by document. Empty: by column."
    )
    encoding = serializers.CharField(required=False, default="", max_length=40, help_text="Empty: UTF-8.")
    strict = serializers.BooleanField(required=False, default=False, help_text="Nothing, if a row cannot be used.")
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Only say what an import would do.")
    keep_placeholders = serializers.BooleanField(required=False, default=False)

    def get_fields(self) -> dict[str, Any]:
        """Add a field for each column that an import reads."""
        column: dict[str, Any] = {"required": False, "default": "", "allow_blank": True, "max_length": 200}
        return {**super().get_fields(), **{f"{role}_column": serializers.CharField(**column) for role in USUAL_NAMES}}


class RowProblemSerializer(serializers.Serializer[Any]):
    """Why a row was left out."""

    line = serializers.IntegerField()
    reason = serializers.CharField()


class ImportReportSerializer(serializers.Serializer[Any]):
    """What an import did, or would have done where it is not saved."""

    dataset = serializers.CharField()
    saved = serializers.BooleanField()
    version = serializers.IntegerField(source="change.version.number", default=None, allow_null=True)
    rows = serializers.IntegerField()
    added = serializers.IntegerField(source="change.added")
    replaced = serializers.IntegerField(source="change.replaced")
    already_there = serializers.IntegerField(source="change.already_there")
    left_out = serializers.IntegerField()
    without_document = serializers.IntegerField(help_text="Answerable, but of which no document is known.")
    problems = RowProblemSerializer(many=True)


class ExportItemsQuery(serializers.Serializer[Any]):
    """Which items, as which kind of file."""

    format = serializers.ChoiceField(list(FORMATS), required=False, default="csv")
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1, help_text="The newest.")
    split = serializers.ChoiceField(DatasetItem.Split.choices, required=False, default="")


class ImportItems(ApiView):
    """A file of questions."""

    access = {"POST": Access(Scope.ADMIN, "monitoring.change_dataset")}
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="import_dataset",
        request=FileSerializer,
        responses={201: ImportReportSerializer, 200: ImportReportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Add the rows of a file to a dataset, as one version (201); the same file again changes nothing. Rows that
        cannot be used are named. Nothing is kept of a dry run (200)."""
        values = checked(FileSerializer, request.data)
        report = _imported(request, values)
        if not report.saved and not values["dry_run"]:
            problems = [str(problem) for problem in report.problems] or ["The file has no rows."]
            raise ValidationError({"file": problems})
        return Response(ImportReportSerializer(report).data, status=201 if report.saved else 200)


class ExportItems(ApiView):
    """A version of a dataset as a file."""

    access = {"GET": Access(Scope.READ, "monitoring.view_dataset")}
    other_errors = {"GET": ("422",)}  # there is no such version

    @extend_schema(
        operation_id="export_dataset",
        parameters=[ExportItemsQuery],
        responses={(200, "text/csv"): str, (200, "application/jsonl"): str},
    )
    def get(self, request: Request, dataset_id: int) -> HttpResponseBase:
        """Send the items of a version as CSV or JSONL, streamed; an import reads it to the same items."""
        dataset = get_object_or_404(Dataset, pk=dataset_id)
        wanted = asked(request, ExportItemsQuery, also=frozenset())
        named = {
            "dataset": dataset,
            "version": wanted.get("version"),
            "split": wanted["split"],
            "file_format": wanted["format"],
        }
        response = LinesResponse(export_items(**named), content_type=FORMATS[wanted["format"]])
        header = content_disposition_header(as_attachment=True, filename=file_name(**named))
        response["Content-Disposition"] = header or ""
        return response


def _imported(request: Request, values: dict[str, Any]) -> ImportReport:
    file, split = values["file"], values["split"]
    if file.size > settings.UPLOAD_MAX_MB * 2**20:
        raise ValidationError({"file": f"It has {file.size / 2**20:,.1f} MB; at most {settings.UPLOAD_MAX_MB} MB."})
    columns = {role: values[f"{role}_column"].strip() for role in USUAL_NAMES}
    options = ImportOptions(
        columns=Columns(**columns),
        collection=values["collection"].name if values["collection"] else "",
        split="" if split == AUTO else split,
        ignore_split_column=bool(split) and not columns["split"],
        keep_placeholders=values["keep_placeholders"],
        encoding=values["encoding"],
    )
    return import_items(
        dataset_name=values["dataset"],
        file_name=str(file.name),
        data=file.read(),
        options=options,
        author=request.user,
        strict=values["strict"],
        dry_run=values["dry_run"],
    )
