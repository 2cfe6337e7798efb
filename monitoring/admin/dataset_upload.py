"""A file of questions into a dataset: the same as manage.py import_dataset, with the problems on the page."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from chat.exceptions import ChatError
from monitoring.admin.dataset_forms import UploadQuestionsForm
from monitoring.admin.dataset_page import page_context
from monitoring.datasets.imports import ImportReport, import_items
from monitoring.models import Dataset

PAGE = "admin/monitoring/dataset/upload.html"
PROBLEMS_SHOWN = 200


@permission_required("monitoring.change_dataset", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def upload_view(request: HttpRequest) -> HttpResponse:
    """Show the form; check a file, or import it. Rows that were left out are listed on the page that follows."""
    initial = {"name": request.GET.get("name", "")}
    form = UploadQuestionsForm(request.POST or None, request.FILES or None, initial=initial)
    report: ImportReport | None = None
    if request.method == "POST" and form.is_valid():
        try:
            report = _imported(request, form)
        except ChatError as error:
            form.add_error(None, str(error))
    if report is not None and report.saved and not report.problems:
        messages.success(request, words(report))
        return HttpResponseRedirect(Dataset.objects.get(name=report.dataset).get_absolute_url())
    context = {
        **page_context(request, "Upload questions"),
        "form": form,
        "report": report,
        "words": words(report) if report else "",
        "problems": report.problems[:PROBLEMS_SHOWN] if report else [],
        "more_problems": max(len(report.problems) - PROBLEMS_SHOWN, 0) if report else 0,
        "saved": Dataset.objects.filter(name=report.dataset).first() if report and report.saved else None,
        "list_url": reverse("admin:monitoring_dataset_changelist"),
    }
    return render(request, PAGE, context, status=422 if form.errors else 200)


def _imported(request: HttpRequest, form: UploadQuestionsForm) -> ImportReport:
    file = form.cleaned_data["file"]
    return import_items(
        dataset_name=form.cleaned_data["name"].strip(),
        file_name=str(file.name),
        data=file.read(),
        options=form.options(),
        author=request.user,
        strict=form.cleaned_data["strict"],
        dry_run="check" in request.POST,
    )


def words(report: ImportReport) -> str:
    """Say in one sentence what an import did, or would do."""
    change = report.change
    parts = [f"{change.added:,} added", f"{change.replaced:,} changed", f"{change.already_there:,} already there"]
    parts.append(f"{report.left_out:,} left out")
    if report.without_document:
        parts.append(f"{report.without_document:,} without a document")
    counts = ", ".join(parts)
    if not report.saved:
        return f"Nothing is imported. It would be: {counts}."
    return f"{counts} ({report.dataset}, {change.version or 'no new version'})."
