"""The admin's first page: the dashboard, for those who may see turns; for others what there is to manage.

The page is there at once and asks for its parts: the figures at the top, charts and tables. Every 30 seconds the
browser asks for all of them again (static/ragsite/dashboard.js says when it does not). Without scripts there is a way
to the same page with `whole`, which has all parts in it.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from chat.admin.overview import knowledge_cards, overview
from chat.models import Collection, PipelineConfig
from chat.models.conversation import Origin
from monitoring.admin.dashboard_alerts import firing
from monitoring.admin.dashboard_demo import demo_context
from monitoring.admin.dashboard_form import read_choice
from monitoring.dashboard.choice import Choice, iso
from monitoring.dashboard.drawing import draw
from monitoring.dashboard.empty import last_day
from monitoring.dashboard.panels import PANELS
from monitoring.dashboard.period import OWN, RANGES
from monitoring.dashboard.reading import Reader
from monitoring.dashboard.tables import COLUMNS, GROUPS, group_table, purpose_rows, score_rows
from monitoring.dashboard.tiles import tiles
from monitoring.dashboard.words import spoken_range
from monitoring.dashboard.zones import zone_of
from monitoring.reports import read

WHOLE = "whole"
FOLDER = "admin/monitoring/dashboard"
# no line breaks between number and unit
RANGE_NAMES = {
    "1h": "1\N{NO-BREAK SPACE}h",
    "24h": "24\N{NO-BREAK SPACE}h",
    "7d": "7\N{NO-BREAK SPACE}d",
    "30d": "30\N{NO-BREAK SPACE}d",
    "90d": "90\N{NO-BREAK SPACE}d",
}
ORIGINS = {
    Origin.USER: "Users",
    Origin.API: "API",
    Origin.EVALUATION: "Evaluation",
    Origin.SYNTHETIC: "Demo data",
}


def first_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the first page shows; the theme calls it (UNFOLD's DASHBOARD_CALLBACK)."""
    if not request.user.has_perm("chat.view_turn"):
        return overview(request, context)
    now = timezone.now()
    choice, problems = read_choice(request, now=now)
    is_whole = WHOLE in request.GET
    whole = _figures(Reader(choice), "all", request, now) | {"firing": firing(request, choice)} if is_whole else {}
    is_part = request.htmx and not request.htmx.history_restore_request  # type: ignore[attr-defined] # django-htmx adds it
    return {
        **context,
        "dashboard_frame": "admin/monitoring/dashboard/bare.html" if is_part else "admin/base.html",
        "is_fullwidth": "1",
        "title": "Dashboard",
        "problems": problems,
        **_chosen(request, choice),
        "dashboard": True,
        "choice": choice,
        "query": choice.query(),
        "made_at": made_at(now, choice),
        "whole_query": whole_query(choice),
        "demo": demo_context(request),
        "knowledge_cards": knowledge_cards(request),
        "storage": read("storage", choice.filters) if request.user.has_perm("chat.view_document") else [],
        **whole,
    }


@permission_required("chat.view_turn", raise_exception=True)
@require_safe
def figures_view(request: HttpRequest, part: str) -> HttpResponse:
    """Return a part of the dashboard, or "all" of it. Where there is nothing at all, say so in place of all parts."""
    if part not in (*PARTS, "all"):
        raise Http404
    now = timezone.now()
    choice, _ = read_choice(request, now=now)
    context = _figures(Reader(choice), part, request, now)
    is_empty = context.get("is_empty", False)
    name = "figures" if part == "all" or is_empty else part
    response = render(request, f"{FOLDER}/_{name}.html", {**context, "query": choice.query()})
    if is_empty:
        response["HX-Retarget"] = "#figures"
    return response


def _figures(reader: Reader, part: str, request: HttpRequest, now: datetime) -> dict[str, Any]:
    """Return what the templates of a part need, or of all; with `is_empty` what says that there is nothing at all."""
    context = {"choice": reader.choice, "made_at": made_at(now, reader.choice), "is_whole": True}
    if part in ("tiles", "all") and _is_empty(reader):
        return context | {"is_empty": True, "demo": demo_context(request), **_nothing(reader, now)}
    for name, make in PARTS.items():
        if part in (name, "all"):
            context |= make(reader)
    return context


def _tiles(reader: Reader) -> dict[str, Any]:
    return {"tiles": tiles(reader)}


def _charts(reader: Reader) -> dict[str, Any]:
    panels = [make(reader) for make in PANELS.values()]
    drawings = [None if panel.is_empty else draw(panel, reader.choice, reader.steps) for panel in panels]
    return {"charts": [{"panel": panel, "drawing": drawing} for panel, drawing in zip(panels, drawings, strict=True)]}


def _tables(reader: Reader) -> dict[str, Any]:
    return {
        "scores": score_rows(reader),
        "purposes": purpose_rows(reader),
        "groups": [group_table(reader, group) for group in GROUPS],
        "group_columns": COLUMNS,
    }


PARTS = {"tiles": _tiles, "charts": _charts, "tables": _tables}


def _is_empty(reader: Reader) -> bool:
    return not reader.total("turns")["turns"] and not reader.total("calls")["calls"]


def _nothing(reader: Reader, now: datetime) -> dict[str, Any]:
    """Return when there was something, and the way there."""
    choice = reader.choice
    unfiltered = {"unfiltered_query": choice.for_origin(choice.origin).query()}
    day = last_day(choice, now=now)
    if day is None:
        return unfiltered
    period = replace(choice.period, name=OWN, since=day.begin, until=day.end)
    url = reverse("admin:index") + replace(choice, period=period).query()
    words = f"{day.at.astimezone(period.zone):%A, %-d %B %Y}"
    return {"last_day": day, "last_words": words, "last_url": url, **unfiltered}


def _chosen(request: HttpRequest, choice: Choice) -> dict[str, Any]:
    """Return what the pickers offer, and which of it is chosen."""
    period, viewer_zone = choice.period, zone_of(request).key
    rows = Reader(choice.for_origin(choice.origin)).rows("turns", by="model")
    models = [row["key"] for row in rows if row["key"]]
    return {
        "ranges": [(name, RANGE_NAMES[name], choice.query(range_name=name), name == period.name) for name in RANGES],
        "is_own": period.name == OWN,
        "since_local": f"{period.since.astimezone(period.zone):%Y-%m-%dT%H:%M}",
        "until_local": f"{period.until.astimezone(period.zone):%Y-%m-%dT%H:%M}",
        "spoken": spoken_range(period.since, period.until, period),
        "spoken_before": spoken_range(period.since_before, period.until_before, period),
        "collections": list(Collection.objects.order_by("name").values_list("pk", "name")),
        "configs": [(config.pk, str(config)) for config in PipelineConfig.objects.order_by("name", "-version")],
        "models": sorted({*models, *([choice.model] if choice.model else [])} - {None, ""}),
        "origins": [(origin.value, name) for origin, name in ORIGINS.items()],
        "zones": list(dict.fromkeys([viewer_zone, "UTC", period.zone.key])),
        "viewer_zone": viewer_zone,
        "is_synthetic": choice.origin == Origin.SYNTHETIC,
        "users_url": reverse("admin:index") + choice.for_origin(Origin.USER.value).query(),
        "unfiltered_query": choice.for_origin(choice.origin).query(),
        "since_iso": iso(period.since),
        "until_iso": iso(period.until),
    }


def whole_query(choice: Choice) -> str:
    """Return the query of the page with all parts in it."""
    query = choice.query()
    return f"{query}&{WHOLE}=1" if query else f"?{WHOLE}=1"


def made_at(now: datetime, choice: Choice) -> str:
    return f"{now.astimezone(choice.period.zone):%H:%M:%S}"
