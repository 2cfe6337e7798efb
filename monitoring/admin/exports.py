"""Exports: ordering one, how far it is, and its file."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chat.admin.base import OwnPages, RecordAdmin
from monitoring.admin.exports_form import HIDDEN, ExportForm
from monitoring.downloads import download
from monitoring.exceptions import ExportError
from monitoring.exports.choice import NAMES
from monitoring.exports.formats import FORMATS
from monitoring.exports.orders import cancel_export, delete_export, start_export
from monitoring.exports.sending import file_of, size_of
from monitoring.models import Export

FOLDER = "admin/monitoring/export"
# Who may not read turns may not take them along.
PERMISSIONS = ("chat.view_turn", "monitoring.export_turns")
SHOWN = 50
_NEWS = {
    Export.Status.DONE: "the file is ready.",
    Export.Status.FAILED: "it failed.",
    Export.Status.CANCELLED: "it is cancelled.",
}


@permission_required(PERMISSIONS, raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def exports_view(request: HttpRequest) -> HttpResponse:
    """Show the exports and the form, filled in by the address (`?origin=USER&vote=down`), and order one."""
    form = ExportForm(request.POST) if request.method == "POST" else ExportForm(initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        try:
            options = {name: form.cleaned_data[name] for name in ("file_format", "users", "with_texts")}
            export = start_export(typed=form.typed(), author=request.user, **options)
        except ExportError as error:
            form.add_error(None, str(error))
        else:
            _log(request, export, ADDITION, f"Ordered: {export.words}.")
            return HttpResponseRedirect(reverse("admin:monitoring_export_changelist"))
    context = {
        **admin.site.each_context(request),
        "title": "Exports",
        "opts": Export._meta,
        "is_fullwidth": "1",
        "form": form,
        "is_form_open": bool(form.errors or set(request.GET) & set(NAMES)),
        "hidden": [form[name] for name in HIDDEN],
        "exports": Export.objects.select_related("created_by")[:SHOWN],
    }
    return render(request, f"{FOLDER}/exports.html", context, status=422 if form.errors else 200)


@permission_required(PERMISSIONS, raise_exception=True)
@require_GET
def row_view(request: HttpRequest, export_id: int) -> HttpResponse:
    """Return the row of an export, which asks again while it is being made."""
    export = get_object_or_404(Export.objects.select_related("created_by"), pk=export_id)
    news = "" if export.is_open else f"{export}: {_NEWS[Export.Status(export.status)]}"
    return render(request, f"{FOLDER}/_row.html", {"export": export, "news": news})


@permission_required(PERMISSIONS, raise_exception=True)
@require_GET
def download_view(request: HttpRequest, export_id: int) -> HttpResponseBase:
    """Send the file."""
    export = get_object_or_404(Export, pk=export_id)
    try:
        pieces = file_of(export)
    except ExportError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:monitoring_export_changelist"))
    _log(request, export, CHANGE, f"Downloaded: {export.words}.")
    media_type = FORMATS[export.file_format].media_type
    return download(request, pieces, name=export.file_name, media_type=media_type, size=size_of(export))


@permission_required(PERMISSIONS, raise_exception=True)
@require_POST
def cancel_view(request: HttpRequest, export_id: int) -> HttpResponse:
    """Ask for a stop."""
    cancel_export(export=get_object_or_404(Export, pk=export_id))
    return HttpResponseRedirect(reverse("admin:monitoring_export_changelist"))


@permission_required(PERMISSIONS, raise_exception=True)
@require_POST
def delete_view(request: HttpRequest, export_id: int) -> HttpResponse:
    """Remove an export with its file."""
    export = get_object_or_404(Export, pk=export_id)
    _log(request, export, DELETION, f"Removed: {export.words}.")
    delete_export(export=export)
    return HttpResponseRedirect(reverse("admin:monitoring_export_changelist"))


def _initial(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET[name] for name in NAMES if request.GET.get(name)}


def _log(request: HttpRequest, export: Export, flag: int, message: str) -> None:
    """Note who took what along."""
    user_id = int(request.user.pk or 0)  # signed in, as the permissions say
    LogEntry.objects.log_actions(user_id, [export], flag, change_message=message, single_object=True)


@admin.register(Export)
class ExportAdmin(RecordAdmin):
    """The list is a page of its own."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(PERMISSIONS)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return exports_view(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:monitoring_export_changelist"))

    def own_pages(self) -> OwnPages:
        pages = {"row": row_view, "download": download_view, "cancel": cancel_view, "delete": delete_view}
        return {f"<int:export_id>/{name}/": (name, view) for name, view in pages.items()}
