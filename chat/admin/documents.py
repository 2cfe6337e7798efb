"""Documents: upload, how far the worker is with each, and what went wrong. Their text comes from files, so it is not
edited here."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from chat.admin import filters
from chat.admin.base import DOCUMENT_BADGES, OwnPages, PageAdmin, excerpt, is_view
from chat.admin.upload_form import UploadForm
from chat.exceptions import ChatError
from chat.models import Chunk, Document
from chat.services.documents import queue_document
from chat.services.knowledge import ensure_collection
from chat.services.uploads import delete_documents, queue_upload
from chat.templatetags.admin_values import NOTHING

WORKING = [Document.Status.QUEUED, Document.Status.PROCESSING]
TEXT_SHOWN_CHARS = 5000


@admin.register(Document)
class DocumentAdmin(PageAdmin):
    list_display = ("name", "collection", "state", "chunk_count", "problem", "updated_at")
    list_display_links = ("name",)
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("collection", RelatedDropdownFilter),
        ("updated_at", filters.DaysFilter),
    )
    search_fields = ("title", "source_id")
    search_help_text = "Searches titles and file names"
    list_select_related = ("collection",)
    ordering = ("-updated_at",)
    actions = ("try_again",)
    list_before_template = "admin/chat/document/progress.html"
    change_form_before_template = "admin/chat/document/state.html"
    change_form_outer_after_template = "admin/chat/document/retry.html"
    fields = (
        ("title", "collection", "source_id"),
        ("heading_path", "media_type"),
        ("upload", "part_of"),
        ("chunk_count", "created_at", "updated_at"),
        ("beginning",),
    )
    readonly_fields = ("chunk_count", "beginning")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        chunks = Chunk.objects.filter(document=OuterRef("pk")).order_by().values("document")
        documents: QuerySet[Document] = super().get_queryset(request)
        counted = documents.annotate(
            chunk_number=Subquery(chunks.annotate(number=Count("pk")).values("number"), output_field=IntegerField())
        )
        return counted.defer("text", "metadata") if is_view(request, "changelist") else counted

    @display(description="Title", ordering="title")
    def name(self, document: Document) -> str:
        return document.title or document.source_id

    @display(
        description="Status", label={status.value: kind for status, kind in DOCUMENT_BADGES.items()}, ordering="status"
    )
    def state(self, document: Document) -> str:
        return document.status

    @display(description="Chunks")
    def chunk_count(self, document: Any) -> int:
        return document.chunk_number or 0

    @display(description="Error")
    def problem(self, document: Document) -> str:
        return excerpt(document.error, 120) or NOTHING

    @display(description="Text")
    def beginning(self, document: Document) -> str:
        more = f"\n… ({len(document.text):,} characters in all)" if len(document.text) > TEXT_SHOWN_CHARS else ""
        return document.text[:TEXT_SHOWN_CHARS] + more or NOTHING

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        working = Document.objects.filter(status__in=WORKING).count()
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), "working": working})
        return response

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Upload one or more files."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._upload(request, form)
            except ChatError as exc:
                form.add_error(None, str(exc))
        context = {
            **self.admin_site.each_context(request),
            "title": "Upload documents",
            "opts": self.opts,
            "form": form,
            "list_url": reverse("admin:chat_document_changelist"),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/chat/document/upload.html", context)

    def _upload(self, request: HttpRequest, form: UploadForm) -> HttpResponse:
        collection = form.cleaned_data["collection"]
        if collection is None:
            if not request.user.has_perm("chat.add_collection"):
                raise PermissionDenied
            collection = ensure_collection(name=form.cleaned_data["new_collection"])
        files = form.cleaned_data["documents"]
        for file in files:
            document = queue_upload(file=file, collection=collection, columns=form.columns[file.name])
            self.log_addition(request, document, f"Uploaded {document.source_id} to {collection}.")
        noun = files[0].name if len(files) == 1 else f"{len(files)} files"
        messages.success(request, f"{noun} uploaded to {collection}. The worker takes them in; this page follows.")
        return HttpResponseRedirect(reverse("admin:chat_document_changelist"))

    @action(description="Try again (failed ones)", permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        failed = queryset.filter(status=Document.Status.FAILED)
        for document in failed:
            queue_document(document=document)
            self.log_change(request, document, "Tried again.")
        if not failed:
            messages.warning(request, "None of these has failed: there is nothing to try again.")

    def own_pages(self) -> OwnPages:
        return {"<int:document_id>/try-again/": ("retry", self.retry_view)}

    @method_decorator(require_POST)
    def retry_view(self, request: HttpRequest, document_id: int) -> HttpResponse:
        """Have the worker take a failed document in again."""
        if not self.has_retry_permission(request):
            raise PermissionDenied
        document = get_object_or_404(Document, pk=document_id)
        self.try_again(request, Document.objects.filter(pk=document.pk))
        return HttpResponseRedirect(reverse("admin:chat_document_change", args=[document.pk]))

    def around(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        number = int(object_id) if object_id and object_id.isdecimal() else 0
        retry_url = reverse("admin:chat_document_retry", args=[number]) if number else ""
        return {
            "retry_url": retry_url if self.has_retry_permission(request) else "",
            "record_count": Document.objects.filter(part_of=number).count() if number else 0,
            "records_url": f"{reverse('admin:chat_document_changelist')}?part_of__id__exact={number}",
        }

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat.change_document")

    def has_change_permission(self, request: HttpRequest, obj: Document | None = None) -> bool:
        return False

    def get_deleted_objects(
        self, objs: Iterable[Document], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the documents and count the rest: a list of all chunks and vectors helps nobody."""
        documents = list(objs)
        numbers = [document.pk for document in documents]
        gone = Document.objects.filter(Q(pk__in=numbers) | Q(part_of__in=numbers))
        chunks = Chunk.objects.filter(document__in=gone).count()
        names = [f"{document.title or document.source_id} ({document.status})" for document in documents]
        return names, {"documents": gone.count(), "chunks with their vectors": chunks}, set(), []

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        delete_documents(documents=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        delete_documents(documents=queryset)
