"""Single charts of the dashboard: as a table in the page, and as a file."""

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from monitoring.admin.dashboard_form import read_choice
from monitoring.dashboard.panels import PANELS
from monitoring.dashboard.reading import Reader
from monitoring.dashboard.step_table import csv_text, step_table
from monitoring.dashboard.words import spoken_range

FOLDER = "admin/monitoring/dashboard"


@permission_required("chat.view_turn", raise_exception=True)
@require_safe
def table_view(request: HttpRequest, key: str) -> HttpResponse:
    """Return a chart as a table, a page of its own where it is not for a place in the dashboard. One query."""
    if key not in PANELS:
        raise Http404
    choice, _ = read_choice(request, now=timezone.now())
    reader = Reader(choice)
    table = step_table(PANELS[key](reader), choice, reader.steps)
    if request.htmx:  # type: ignore[attr-defined] # django-htmx adds it
        return render(request, f"{FOLDER}/_table.html", {"table": table})
    context = {**admin.site.each_context(request), "title": table.title, "table": table, "query": choice.query()}
    period = choice.period
    context |= {"key": key, "spoken": spoken_range(period.since, period.until, period), "zone": period.zone.key}
    return render(request, f"{FOLDER}/table.html", context)


@permission_required("chat.view_turn", raise_exception=True)
@require_safe
def csv_view(request: HttpRequest, key: str) -> HttpResponse:
    """Return a chart as a file. One query; 400 for a wrong address, because nobody would read a message in a file."""
    if key not in PANELS:
        raise Http404
    choice, problems = read_choice(request, now=timezone.now())
    if problems:
        return HttpResponse("\n".join(problems), status=400, content_type="text/plain; charset=utf-8")
    reader = Reader(choice)
    name = f"{key}-{choice.period.since:%Y%m%d-%H%M}-{choice.period.until:%Y%m%d-%H%M}.csv"
    return HttpResponse(
        csv_text(PANELS[key](reader), reader.steps),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
