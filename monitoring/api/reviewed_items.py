"""A reviewed turn as an item of a dataset."""

from functools import partial
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import ApiView, checked
from chat.models import Turn
from chat.models.api import Scope
from monitoring.api.dataset_items import DatasetItemSerializer, shown_item
from monitoring.api.reviews import item_for, reviewer_of
from monitoring.models import ReviewItem
from monitoring.reviewing.adding import add_to_dataset, dataset_names, decided_by
from monitoring.reviewing.verdict import CORRECTION_MAX_CHARS

ADDING = "monitoring.add_datasetitem"


class ReviewedItemSerializer(serializers.Serializer[Any]):
    """How a turn becomes an item. What is not said is what this reviewer decided."""

    dataset = serializers.CharField(
        required=False, max_length=60, help_text="Made where there is none of the name. Without it: the last one used."
    )
    correction = serializers.CharField(required=False, allow_blank=True, max_length=CORRECTION_MAX_CHARS)
    labels = serializers.DictField(child=serializers.CharField(), required=False)
    hits = serializers.ListField(
        child=serializers.IntegerField(), required=False, default=list, help_text="Ids of those that hold the answer."
    )
    is_answerable = serializers.BooleanField(required=False, default=True)


class ReviewedItem(ApiView):
    """The item of a dataset that a reviewed turn becomes."""

    access = {"POST": Access(Scope.ADMIN, ADDING)}
    no_key = ""

    @extend_schema(
        operation_id="add_reviewed_turn",
        request=ReviewedItemSerializer,
        responses={201: DatasetItemSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, item_id: int, turn_id: int) -> Response:
        """Add a turn to a dataset, so that what went wrong once is tested from then on; again, it takes its earlier
        item's place."""
        reviewer, item = reviewer_of(request), item_for(item_id)
        turn = get_object_or_404(Turn, pk=turn_id, conversation=item.conversation_id)
        return once(request, partial(_add, reviewer, item, turn, request.data), shown_item)


def _add(reviewer: Any, item: ReviewItem, turn: Turn, data: Any) -> Done:
    said = checked(ReviewedItemSerializer, data)
    correction, labels = decided_by(item=item, turn=turn, reviewer=reviewer)
    made = add_to_dataset(
        turn=turn,
        dataset_name=said.get("dataset") or dataset_names(reviewer)[0],
        correction=said.get("correction", correction),
        labels=said.get("labels", labels),
        hit_ids=said["hits"],
        is_answerable=said["is_answerable"],
        author=reviewer,
    )
    return Done(made.pk)
