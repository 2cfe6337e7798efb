"""Documents of the knowledge base. Who is no administrator sees those that are ready."""

from functools import partial
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.etags import tagged
from chat.api.fields import FIELDS
from chat.api.history import note_addition, note_change, note_deletion
from chat.api.idempotency import IDEMPOTENCY_KEY, Done, once
from chat.api.problems import ConflictError
from chat.api.view import ApiView, asked, checked
from chat.models import Chunk, Collection, Document
from chat.models.api import Scope
from chat.services.documents import queue_document
from chat.services.uploads import delete_documents, find_columns, queue_upload

COLUMNS = ("id_field", "title_field", "text_field", "heading_fields")


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document, without its text."""

    collection = serializers.IntegerField(source="collection_id")
    part_of = serializers.IntegerField(
        source="part_of_id", allow_null=True, help_text="The uploaded file whose record it is. Empty: it is none."
    )
    chunk_count = serializers.IntegerField()

    class Meta:
        model = Document
        fields = [
            "id",
            "collection",
            "source_id",
            "title",
            "heading_path",
            "media_type",
            "status",
            "error",
            "part_of",
            "chunk_count",
            "created_at",
            "updated_at",
        ]


class DocumentTextSerializer(serializers.ModelSerializer[Document]):
    """The text of a document, as Markdown; chunks are spans of it."""

    class Meta:
        model = Document
        fields = ["id", "title", "text"]


class DocumentFilters(serializers.Serializer[Any]):
    """Which documents a list has."""

    collection = serializers.PrimaryKeyRelatedField(queryset=Collection.objects.all(), required=False)
    status = serializers.ChoiceField(Document.Status.choices, required=False)


class UploadSerializer(serializers.Serializer[Any]):
    """A file, and where it goes. Columns matter for CSV and JSON files only; those of usual names are found."""

    file = serializers.FileField()
    collection = serializers.PrimaryKeyRelatedField(queryset=Collection.objects.all())
    id_field = serializers.CharField(required=False, help_text='Column with the id; else "id", if there is one.')
    title_field = serializers.CharField(required=False, help_text='Column with the title; else "title" or "question".')
    text_field = serializers.CharField(
        required=False, help_text='Column with the text; else "text", "answer", "body" or "content".'
    )
    heading_fields = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Columns with headings, the outermost first."
    )


class Documents(ApiView):
    """Documents."""

    access = {"GET": Access(Scope.READ), "POST": Access(Scope.ADMIN, "chat.add_document")}
    no_key = ""

    def get_parsers(self) -> list[Any]:
        """An upload is a form with a file, not JSON."""
        return [MultiPartParser()]

    @extend_schema(
        operation_id="list_documents", parameters=[DocumentFilters, FIELDS], responses=DocumentSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List documents, the newest first."""
        documents = readable_documents(request.user).filter(**asked(request, DocumentFilters))
        return self.page(request, _counted(documents), DocumentSerializer, ordering="-pk")

    @extend_schema(
        operation_id="upload_document",
        request=UploadSerializer,
        responses={202: DocumentSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Upload a file. It is taken in by the worker: ask for the document until its status is READY, or DIVIDED for
        a file of records, which become documents of their own. A file of the same name replaces the collection's
        earlier one."""
        return once(request, partial(_upload, request), partial(_shown, Document.objects.all()))


class OneDocument(ApiView):
    """A document."""

    access = {"GET": Access(Scope.READ), "DELETE": Access(Scope.ADMIN, "chat.delete_document")}
    has_etag = True

    @extend_schema(operation_id="get_document", responses=DocumentSerializer)
    def get(self, request: Request, document_id: int) -> HttpResponseBase:
        """Return a document; its status says how far it is."""
        return tagged(request, _shown(readable_documents(request.user), document_id))

    @extend_schema(operation_id="delete_document", responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, document_id: int) -> Response:
        """Delete a document. Turns that found it keep the texts that they showed."""
        documents = readable_documents(request.user).defer("text")
        document = get_object_or_404(documents, pk=document_id)
        note_deletion(request, document)
        delete_documents(documents=[document])
        return Response(status=204)


class DocumentText(ApiView):
    """The text of a document."""

    access = {"GET": Access(Scope.READ)}
    has_etag = True

    @extend_schema(operation_id="get_document_text", responses=DocumentTextSerializer)
    def get(self, request: Request, document_id: int) -> HttpResponseBase:
        """Return the whole text of a document."""
        document = get_object_or_404(readable_documents(request.user), pk=document_id)
        return tagged(request, DocumentTextSerializer(document).data)


class RetryDocument(ApiView):
    """Taking in again."""

    access = {"POST": Access(Scope.ADMIN, "chat.change_document")}
    takes_no_body = True
    other_errors = {"POST": ("409",)}

    @extend_schema(operation_id="retry_document", request=None, responses={202: DocumentSerializer})
    def post(self, request: Request, document_id: int) -> Response:
        """Have the worker take in again what has failed."""
        document = get_object_or_404(readable_documents(request.user), pk=document_id)
        if document.status != Document.Status.FAILED:
            raise ConflictError(f"The document is {document.status}: only one that has FAILED can be tried again.")
        queue_document(document=document)
        note_change(request, document, "Tried again.")
        return Response(_shown(Document.objects.all(), document_id), status=202)


def readable_documents(user: Any) -> QuerySet[Document]:
    """Return the documents whose page the user may open."""
    return Document.objects.all() if user.is_staff else Document.objects.ready()


def _upload(request: Request) -> Done:
    values = checked(UploadSerializer, request.data)
    named = {name: values[name] for name in COLUMNS if values.get(name)}
    columns = find_columns(file=values["file"], columns=named)
    document = queue_upload(file=values["file"], collection=values["collection"], columns=columns)
    note_addition(request, document, f"Uploaded {document.source_id} to {document.collection}.")
    return Done(document.pk, status=202)


def _counted(documents: QuerySet[Document]) -> QuerySet[Document]:
    chunks = Chunk.objects.filter(document=OuterRef("pk")).order_by().values("document")
    number = Subquery(chunks.annotate(number=Count("pk")).values("number"), output_field=IntegerField())
    return documents.annotate(chunk_count=Coalesce(number, 0)).defer("text", "metadata")


def _shown(documents: QuerySet[Document], document_id: int) -> Any:
    return DocumentSerializer(get_object_or_404(_counted(documents), pk=document_id)).data
