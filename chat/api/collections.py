"""Collections of documents."""

from functools import partial
from typing import Any

from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.history import note_addition, note_change, note_deletion
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.view import NOTHING, ApiView, checked
from chat.models import Collection
from chat.models.api import Scope
from chat.services.knowledge import change_collection, make_collection
from chat.services.uploads import delete_collection


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    """A collection."""

    document_count = serializers.IntegerField(read_only=True, help_text="Documents that are ready.")

    class Meta:
        model = Collection
        fields = ["id", "name", "description", "language", "chunk_tokens", "document_count", "created_at"]


class CollectionListSerializer(serializers.Serializer[Any]):
    """All of them: there are few."""

    results = CollectionSerializer(many=True)


class Collections(ApiView):
    """All collections: everybody who is signed in may search all of them."""

    access = {"GET": Access(Scope.READ), "POST": Access(Scope.ADMIN, "chat.add_collection")}
    has_etag = True
    parameters = NOTHING
    no_key = ""

    @extend_schema(operation_id="list_collections", responses=CollectionListSerializer)
    def get(self, request: Request) -> HttpResponseBase:
        """List all collections, by name."""
        return tagged(request, {"results": CollectionSerializer(_collections(), many=True).data})

    @extend_schema(
        operation_id="make_collection",
        request=CollectionSerializer,
        responses={201: CollectionSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Make a collection."""
        return once(request, partial(_make, request), _shown)


class OneCollection(ApiView):
    """A collection."""

    access = {
        "GET": Access(Scope.READ),
        "PATCH": Access(Scope.ADMIN, "chat.change_collection"),
        "DELETE": Access(Scope.ADMIN, "chat.delete_collection"),
    }
    has_etag = True

    @extend_schema(operation_id="get_collection", responses=CollectionSerializer)
    def get(self, request: Request, collection_id: int) -> HttpResponseBase:
        """Return a collection."""
        return tagged(request, _shown(collection_id))

    @extend_schema(operation_id="change_collection", request=CollectionSerializer, responses=CollectionSerializer)
    def patch(self, request: Request, collection_id: int) -> Response:
        """Change some of a collection; another language is taken on by all its chunks."""
        collection = get_object_or_404(Collection, pk=collection_id)
        values = checked(CollectionSerializer, request.data, instance=collection, partial=True)
        if values:
            change_collection(collection=collection, **values)
            note_change(request, collection, f"Changed {', '.join(values)}.")
        return Response(_shown(collection_id))

    @extend_schema(operation_id="delete_collection", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, collection_id: int) -> Response:
        """Delete a collection with its documents. Conversations and turns that used it stay."""
        collection = get_object_or_404(Collection, pk=collection_id)
        note_deletion(request, collection)
        delete_collection(collection=collection)
        return Response(status=204)


def _make(request: Request) -> Done:
    values = checked(CollectionSerializer, request.data)
    try:
        made = make_collection(**values)
    except IntegrityError:  # somebody took the name meanwhile: say so, as to who comes later
        checked(CollectionSerializer, request.data)
        raise
    note_addition(request, made)
    return Done(made.pk)


def _collections() -> QuerySet[Collection]:
    return Collection.objects.with_counts()


def _shown(collection_id: int) -> Any:
    return CollectionSerializer(get_object_or_404(_collections(), pk=collection_id)).data
