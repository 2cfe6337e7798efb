"""Search in the knowledge base, without an answer."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.view import ApiView, asked, checked
from chat.models import Collection
from chat.models.api import Scope
from chat.models.conversation import Origin
from chat.models.pipeline import PipelineConfig
from chat.services.searching import search_documents

LIMIT_MAX = 50  # as in a pipeline config


class SearchQuery(serializers.Serializer[Any]):
    """What to search for."""

    q = serializers.CharField(max_length=settings.QUESTION_MAX_CHARS, help_text="A question, or words.")
    collection = serializers.PrimaryKeyRelatedField(
        queryset=Collection.objects.all(), required=False, allow_null=True, help_text="Empty: all collections."
    )
    mode = serializers.ChoiceField(
        PipelineConfig.Mode.choices, required=False, allow_blank=True, help_text="Empty: the default config's."
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LIMIT_MAX, help_text="Hits; else as many as an answer is given."
    )


class FoundHitSerializer(serializers.Serializer[Any]):
    """A chunk that was found."""

    rank = serializers.IntegerField()
    score = serializers.FloatField(help_text="Comparable within this search only.")
    found_by = serializers.SerializerMethodField()
    text_rank = serializers.IntegerField(allow_null=True, help_text="Empty: text search did not find it.")
    text_score = serializers.FloatField(allow_null=True)
    vector_rank = serializers.IntegerField(allow_null=True, help_text="Empty: vector search did not find it.")
    similarity = serializers.FloatField(allow_null=True, help_text="Cosine, -1 to 1. Empty: not computed.")
    chunk = serializers.IntegerField(source="chunk_id")
    document = serializers.IntegerField(source="document_id")
    document_title = serializers.CharField()
    heading_path = serializers.CharField(allow_blank=True)
    text = serializers.CharField()

    def get_found_by(self, hit: Any) -> list[str]:
        legs = {"text": hit.text_rank, "vector": hit.vector_rank}
        return [leg for leg, rank in legs.items() if rank is not None]


class FoundSerializer(serializers.Serializer[Any]):
    """What a search found, best first."""

    mode = serializers.ChoiceField(PipelineConfig.Mode.choices, help_text="As searched.")
    embedder = serializers.CharField(allow_blank=True, help_text="Empty: the question was not embedded.")
    is_relevant = serializers.BooleanField(help_text="Near enough in meaning for an answer to be tried.")
    min_similarity = serializers.FloatField(help_text="What is near enough.")
    degraded = serializers.CharField(allow_blank=True, help_text="What was left out on the way. Empty: nothing.")
    embed_seconds = serializers.FloatField(allow_null=True)
    search_seconds = serializers.FloatField()
    results = FoundHitSerializer(many=True, source="hits")


class Search(ApiView):
    """Search."""

    access = {"GET": Access(Scope.READ), "POST": Access(Scope.READ)}
    other_errors = {"GET": ("402", "422", "502"), "POST": ("402", "502")}

    @extend_schema(operation_id="search", parameters=[SearchQuery], responses=FoundSerializer)
    def get(self, request: Request) -> Response:
        """Find the chunks that may answer a question: the search of the default config, without its further stages
        (phrasings, re-ranking)."""
        return _found(request, asked(request, SearchQuery, also=frozenset()))

    @extend_schema(operation_id="search_by_post", request=SearchQuery, responses=FoundSerializer)
    def post(self, request: Request) -> Response:
        """The same, for questions that should stand in no address."""
        return _found(request, checked(SearchQuery, request.data))


def _found(request: Request, asked: dict[str, Any]) -> Response:
    collection = asked.get("collection")
    found = search_documents(
        question=asked["q"],
        mode=asked.get("mode", ""),
        collection_id=collection.pk if collection else None,
        limit=asked.get("limit"),
        origin=Origin.API,
        user_id=request.user.pk,
    )
    return Response(FoundSerializer(found).data)
