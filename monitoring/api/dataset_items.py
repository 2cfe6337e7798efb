"""Items of datasets. An item never changes: a corrected one takes its place, and each change is a version."""

from functools import partial
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.fields import FIELDS
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import ApiView, asked, read
from chat.models import Collection
from chat.models.api import Scope
from monitoring.datasets.by_hand import Said, add_by_hand, correct_by_hand, remove_items
from monitoring.datasets.listing import Filters
from monitoring.datasets.rows import QUESTION_MAX_CHARS, TAG_MAX_CHARS
from monitoring.datasets.versions import Change, latest_version
from monitoring.models import Dataset, DatasetItem, RelevantDocument

VIEW = Access(Scope.READ, "monitoring.view_dataset")
CHANGE = Access(Scope.ADMIN, "monitoring.change_dataset")


class RelevantSerializer(serializers.ModelSerializer[RelevantDocument]):
    """A document, or a span of it, that answers the question."""

    document = serializers.IntegerField(source="document_id", allow_null=True, help_text="Empty: it is gone.")

    class Meta:
        model = RelevantDocument
        fields = ["document", "source_id", "relevance", "start", "end"]


class DatasetItemSerializer(serializers.ModelSerializer[DatasetItem]):
    """A question with what is known of its answer."""

    dataset = serializers.IntegerField(source="dataset_id")
    collection = serializers.IntegerField(source="collection_id", allow_null=True, help_text="Empty: all are searched.")
    source_turn = serializers.IntegerField(source="source_turn_id", allow_null=True)
    relevant = RelevantSerializer(many=True)

    class Meta:
        model = DatasetItem
        fields = [
            "id",
            "dataset",
            "question",
            "expected_answer",
            "is_answerable",
            "history",
            "relevant",
            "collection",
            "tags",
            "split",
            "cluster",
            "source",
            "source_turn",
            "added_in",
            "removed_in",
            "created_at",
        ]


class NewItemSerializer(serializers.Serializer[Any]):
    """An item to add, or to put in another one's place."""

    question = serializers.CharField(max_length=QUESTION_MAX_CHARS)
    expected_answer = serializers.CharField(required=False, default="", allow_blank=True, max_length=20_000)
    is_answerable = serializers.BooleanField(required=False, default=True)
    documents = serializers.ListField(
        child=serializers.CharField(max_length=500),
        required=False,
        default=list,
        help_text="Ids of the documents that answer it, as given at ingest.",
    )
    collection = serializers.PrimaryKeyRelatedField(
        queryset=Collection.objects.all(), required=False, default=None, allow_null=True, help_text="Empty: all."
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=TAG_MAX_CHARS), required=False, default=list, max_length=50
    )
    split = serializers.ChoiceField(
        DatasetItem.Split.choices, required=False, default="", allow_blank=True, help_text="Empty: by its document."
    )

    def said(self) -> Said:
        """Return what was sent as the service takes it."""
        values = dict(self.validated_data)
        return Said(source_ids=values.pop("documents"), **values)


class ItemsQuery(serializers.Serializer[Any]):
    """Which items."""

    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1, help_text="The newest.")
    words = serializers.CharField(required=False, help_text="That the question holds.")
    split = serializers.ChoiceField(DatasetItem.Split.choices, required=False)
    source = serializers.ChoiceField(DatasetItem.Source.choices, required=False)  # type: ignore[assignment] # a parameter
    tag = serializers.CharField(required=False)
    collection = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    answerable = serializers.ChoiceField(["yes", "no"], required=False)


class DatasetItems(ApiView):
    """Items of a dataset."""

    access = {"GET": VIEW, "POST": CHANGE}
    no_key = ""

    @extend_schema(
        operation_id="list_dataset_items",
        parameters=[ItemsQuery, FIELDS],
        responses=DatasetItemSerializer(many=True),
    )
    def get(self, request: Request, dataset_id: int) -> Response:
        """List the items of a version."""
        dataset = get_object_or_404(Dataset, pk=dataset_id)
        wanted, newest = asked(request, ItemsQuery), latest_version(dataset)
        version = wanted.pop("version", newest)
        if version > newest:
            raise ValidationError({"version": f"{dataset} has no version {version}; its newest is {newest}."})
        items = Filters.of(wanted).apply(dataset.items.in_version(version))
        return self.page(request, items.with_relevant(), DatasetItemSerializer, ordering="pk")

    @extend_schema(
        operation_id="add_dataset_item",
        request=NewItemSerializer,
        responses={201: DatasetItemSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, dataset_id: int) -> Response:
        """Add an item; this makes a version."""
        return once(request, partial(_add, request, get_object_or_404(Dataset, pk=dataset_id)), shown_item)


class OneDatasetItem(ApiView):
    """An item of a dataset."""

    access = {"GET": VIEW, "PUT": CHANGE, "DELETE": CHANGE}
    has_etag = True

    @extend_schema(operation_id="get_dataset_item", responses=DatasetItemSerializer)
    def get(self, request: Request, item_id: int) -> HttpResponseBase:
        """Return an item, also one that is not in the newest version any more."""
        return tagged(request, shown_item(item_id))

    @extend_schema(operation_id="correct_dataset_item", request=NewItemSerializer, responses=DatasetItemSerializer)
    def put(self, request: Request, item_id: int) -> Response:
        """Put a corrected item in an item's place, as one version; the reply is the new item."""
        item = get_object_or_404(DatasetItem.objects.with_relevant().select_related("dataset"), pk=item_id)
        change = correct_by_hand(item=item, said=_said(request.data), author=request.user)
        return Response(shown_item(_added(item.dataset, change)))

    @extend_schema(operation_id="remove_dataset_item", responses={204: OpenApiResponse(description="Removed.")})
    def delete(self, request: Request, item_id: int) -> Response:
        """Leave an item out of the newest version; earlier ones keep it."""
        item = get_object_or_404(DatasetItem.objects.select_related("dataset"), pk=item_id)
        remove_items(dataset=item.dataset, ids=[item.pk], author=request.user)
        return Response(status=204)


def shown_item(item_id: int) -> Any:
    """Return an item as it is sent."""
    return DatasetItemSerializer(get_object_or_404(DatasetItem.objects.with_relevant(), pk=item_id)).data


def _add(request: Request, dataset: Dataset) -> Done:
    change = add_by_hand(dataset=dataset, said=_said(request.data), author=request.user)
    return Done(_added(dataset, change))


def _said(data: Any) -> Said:
    return read(NewItemSerializer, data).said()


def _added(dataset: Dataset, change: Change) -> int:
    """Return the id of the one item that a change added."""
    number = change.version.number if change.version else 0
    return dataset.items.get(added_in=number).pk
