"""Datasets: questions with expected answers, in versions."""

from functools import partial
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.problems import ConflictError
from chat.api.view import NOTHING, OF_PAGES, ApiView, checked
from chat.models.api import Scope
from monitoring.datasets.names import create_dataset, delete_dataset, describe_dataset
from monitoring.datasets.splits import Ratios
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset, DatasetVersion

VIEW = Access(Scope.READ, "monitoring.view_dataset")
CHANGE = Access(Scope.ADMIN, "monitoring.change_dataset")


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A dataset with how many items its newest version has."""

    latest_version = serializers.IntegerField(source="latest", allow_null=True, help_text="Empty: it has no items yet.")
    item_count = serializers.IntegerField()

    class Meta:
        model = Dataset
        fields = [
            "id",
            "name",
            "description",
            "dev_ratio",
            "test_ratio",
            "latest_version",
            "item_count",
            "created_at",
        ]


class DatasetListSerializer(serializers.Serializer[Any]):
    """All datasets, by name."""

    results = DatasetSerializer(many=True)


class NewDatasetSerializer(serializers.Serializer[Any]):
    """A dataset to make. Documents are divided between dev, test and, what is left, calibration."""

    name = serializers.CharField(max_length=60, help_text="Letters a to z, digits, hyphen and underscore.")
    description = serializers.CharField(required=False, default="", allow_blank=True, max_length=300)
    dev_ratio = serializers.FloatField(required=False, default=Ratios().dev, min_value=0, max_value=1)
    test_ratio = serializers.FloatField(required=False, default=Ratios().test, min_value=0, max_value=1)


class DescriptionSerializer(serializers.Serializer[Any]):
    """What can be changed of a dataset itself."""

    description = serializers.CharField(allow_blank=True, max_length=300)


class VersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    """One change of a dataset."""

    created_by = serializers.CharField(source="created_by.username", default="", help_text="Empty: nobody, or gone.")

    class Meta:
        model = DatasetVersion
        fields = ["number", "note", "created_by", "created_at"]


class Datasets(ApiView):
    """Datasets."""

    access = {"GET": VIEW, "POST": CHANGE}
    parameters = NOTHING
    no_key = ""

    @extend_schema(operation_id="list_datasets", responses=DatasetListSerializer)
    def get(self, request: Request) -> Response:
        """List all datasets."""
        return Response(DatasetListSerializer({"results": Dataset.objects.with_latest().order_by("name")}).data)

    @extend_schema(
        operation_id="make_dataset",
        request=NewDatasetSerializer,
        responses={201: DatasetSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Make an empty dataset. An import makes one too."""
        return once(request, partial(_make, request.data), _shown)


class OneDataset(ApiView):
    """A dataset."""

    access = {"GET": VIEW, "PATCH": CHANGE, "DELETE": Access(Scope.ADMIN, "monitoring.delete_dataset")}
    has_etag = True
    other_errors = {"DELETE": ("409",)}

    @extend_schema(operation_id="get_dataset", responses=DatasetSerializer)
    def get(self, request: Request, dataset_id: int) -> HttpResponseBase:
        """Return a dataset."""
        return tagged(request, _shown(dataset_id))

    @extend_schema(operation_id="describe_dataset", request=DescriptionSerializer, responses=DatasetSerializer)
    def patch(self, request: Request, dataset_id: int) -> Response:
        """Say what a dataset is for; this makes no version, since no item changes."""
        dataset = get_object_or_404(Dataset, pk=dataset_id)
        describe_dataset(dataset=dataset, **checked(DescriptionSerializer, request.data))
        return Response(_shown(dataset_id))

    @extend_schema(operation_id="delete_dataset", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, dataset_id: int) -> Response:
        """Delete a dataset with all its versions; one that was evaluated stays, for its runs would say nothing."""
        try:
            delete_dataset(dataset=get_object_or_404(Dataset, pk=dataset_id))
        except DatasetError as error:
            raise ConflictError(str(error), code="in_use") from error
        return Response(status=204)


class Versions(ApiView):
    """Versions of a dataset."""

    access = {"GET": VIEW}
    parameters = OF_PAGES

    @extend_schema(operation_id="list_dataset_versions", responses=VersionSerializer(many=True))
    def get(self, request: Request, dataset_id: int) -> Response:
        """List the versions of a dataset, the newest first: what changed, and who did it."""
        dataset = get_object_or_404(Dataset, pk=dataset_id)
        return self.page(request, dataset.versions.select_related("created_by"), VersionSerializer, ordering="-number")


def _make(data: Any) -> Done:
    values = checked(NewDatasetSerializer, data)
    ratios = Ratios(values.pop("dev_ratio"), values.pop("test_ratio"))
    return Done(create_dataset(ratios=ratios, **values).pk)


def _shown(dataset_id: int) -> Any:
    return DatasetSerializer(get_object_or_404(Dataset.objects.with_latest(), pk=dataset_id)).data
