"""Collections, and embedders with how much of the knowledge base each has vectors for."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.http import HttpRequest
from django.urls import reverse
from unfold.decorators import display

from chat.admin.base import PageAdmin, RecordAdmin, link
from chat.models import Chunk, Collection, Document, Embedder, Embedding
from chat.services.knowledge import ensure_collection
from chat.services.uploads import delete_collection
from chat.templatetags.admin_values import NOTHING

WAITING = [Document.Status.QUEUED, Document.Status.PROCESSING]


@admin.register(Collection)
class CollectionAdmin(PageAdmin):
    list_display = ("name", "language", "ready", "waiting", "failed", "chunk_count", "created_at")
    search_fields = ("name", "description")
    ordering = ("name",)
    fields = ("name", "description", ("language", "chunk_tokens"), ("documents_link", "chunk_count"))
    readonly_fields = ("documents_link", "chunk_count")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        chunks = Chunk.objects.filter(collection=OuterRef("pk")).order_by().values("collection")
        collections: QuerySet[Collection] = super().get_queryset(request)
        return collections.annotate(
            ready_count=Count("documents", filter=Q(documents__status=Document.Status.READY)),
            waiting_count=Count("documents", filter=Q(documents__status__in=WAITING)),
            failed_count=Count("documents", filter=Q(documents__status=Document.Status.FAILED)),
            chunk_number=Subquery(chunks.annotate(number=Count("pk")).values("number"), output_field=IntegerField()),
        )

    @display(description="Documents", ordering="ready_count")
    def ready(self, collection: Any) -> int:
        return collection.ready_count

    @display(description="Waiting", ordering="waiting_count")
    def waiting(self, collection: Any) -> int:
        return collection.waiting_count

    @display(description="Failed", ordering="failed_count")
    def failed(self, collection: Any) -> int:
        return collection.failed_count

    @display(description="Chunks")
    def chunk_count(self, collection: Any) -> int:
        return getattr(collection, "chunk_number", None) or 0

    @display(description="Documents")
    def documents_link(self, collection: Any) -> str:
        if collection.pk is None:
            return NOTHING
        url = f"{reverse('admin:chat_document_changelist')}?collection__id__exact={collection.pk}"
        counts = f"{collection.ready_count} ready, {collection.waiting_count} waiting, {collection.failed_count} failed"
        return link(url, counts)

    def save_model(self, request: HttpRequest, obj: Collection, form: Any, change: bool) -> None:
        """Save; another language is taken on by all chunks, whose words are stemmed anew."""
        language = obj.language
        if change:
            obj.language = form.initial["language"]
        super().save_model(request, obj, form, change)
        ensure_collection(name=obj.name, language=language)

    def get_deleted_objects(
        self, objs: Iterable[Collection], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        collections = list(objs)
        counts = {
            "collections": len(collections),
            "documents": Document.objects.filter(collection__in=collections).count(),
            "chunks with their vectors": Chunk.objects.filter(collection__in=collections).count(),
        }
        return [str(collection) for collection in collections], counts, set(), []

    def delete_model(self, request: HttpRequest, obj: Collection) -> None:
        delete_collection(collection=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        for collection in queryset:
            delete_collection(collection=collection)


@admin.register(Embedder)
class EmbedderAdmin(RecordAdmin):
    """Made by `manage.py embed --embedder NAME`, which makes the index and the vectors too."""

    list_display = ("name", "dimensions", "coverage", "configs", "created_at")
    fields = (("name", "dimensions"), ("coverage", "configs", "created_at"))
    readonly_fields = ("coverage", "configs")
    list_before_template = "admin/chat/embedder/hint.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Embedder]:
        vectors = Embedding.objects.filter(embedder=OuterRef("pk")).order_by().values("embedder")
        embedders: QuerySet[Embedder] = super().get_queryset(request)
        return embedders.annotate(
            vector_number=Subquery(vectors.annotate(number=Count("pk")).values("number"), output_field=IntegerField()),
            chunk_number=Value(Chunk.objects.count()),
            config_number=Count("configs"),
        )

    @display(description="Coverage")
    def coverage(self, embedder: Any) -> str:
        return f"{embedder.vector_number or 0:,} of {embedder.chunk_number:,} chunks"

    @display(description="Used by configs")
    def configs(self, embedder: Any) -> int:
        return embedder.config_number
