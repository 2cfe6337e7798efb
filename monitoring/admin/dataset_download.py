"""A version of a dataset as a file, streamed: as manage.py export_dataset writes it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from chat.exceptions import ChatError
from chat.streamed_lines import LinesResponse
from monitoring.datasets.exports import FORMATS, export_items, file_name
from monitoring.models import Dataset, DatasetItem


@permission_required("monitoring.view_dataset", raise_exception=True)
@require_GET
def download_view(request: HttpRequest, dataset_id: int) -> HttpResponseBase:
    """Send `?format=csv|jsonl`, of `?version=` (the newest) and `?split=` (all)."""
    dataset = get_object_or_404(Dataset, pk=dataset_id)
    version, split = request.GET.get("version", ""), request.GET.get("split", "").upper()
    file_format: Any = request.GET.get("format", "csv")
    named: dict[str, Any] = {
        "dataset": dataset,
        "version": int(version[:9]) if version.isdecimal() else None,
        "split": split if split in DatasetItem.Split.values else "",
        "file_format": file_format if file_format in FORMATS else "csv",
    }
    try:
        lines = export_items(**named)
    except ChatError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(dataset.get_absolute_url())
    response = LinesResponse(lines, content_type=FORMATS[named["file_format"]])
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=file_name(**named)) or ""
    return response
