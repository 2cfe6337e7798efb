"""Reports: the figures of dashboard, /metrics and Grafana, from the same functions of the database."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.access import Access
from chat.api.view import NOTHING, ApiView, asked
from chat.models.api import Scope
from chat.models.conversation import Origin
from chat.rag.config import Purpose
from monitoring.api.csv_rows import CsvRenderer
from monitoring.api.queries import TrafficQuery
from monitoring.dashboard.zones import zone_named
from monitoring.models import Score
from monitoring.reports import REPORTS, Filters, Report, read
from monitoring.reports.registry import MEASURES

DAY = timedelta(days=1)
MOST_STEPS = 2000
OF_SHAPE = {"figures": None, "range": {"since", "until"}, "now": set()}
EXTRAS = ("measure", "purpose", "name", "source")


class ColumnSerializer(serializers.Serializer[Any]):
    """A figure of a report."""

    name = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField(help_text="count, ratio (0 to 1), seconds, usd, tokens, score, bytes, text, time, ...")
    description = serializers.CharField()
    interval = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Columns with the ends of its 95 % interval."
    )
    n = serializers.CharField(help_text="The column with the count that it rests on.")


class ReportSerializer(serializers.Serializer[Any]):
    """A report with what can be asked of it."""

    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    shape = serializers.CharField(help_text="figures: has steps and groups; range: lists what is in a range; now.")
    groupings = serializers.ListField(child=serializers.CharField(), help_text="What `by` may be.")
    extras = serializers.ListField(child=serializers.CharField(), help_text="Filters of its own.")
    columns = ColumnSerializer(many=True)


class ReportListSerializer(serializers.Serializer[Any]):
    """All reports."""

    results = ReportSerializer(many=True)


class FiguresSerializer(serializers.Serializer[Any]):
    """Rows of a report. What is not known is null, never 0."""

    name = serializers.CharField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    rows = serializers.ListField(
        child=serializers.DictField(), help_text="Each by column; `at`, `key` and `label` say of what it is."
    )


class FiguresQuery(TrafficQuery):
    """What part of the traffic, in which steps and groups. Without a range: the last 24 hours."""

    step = serializers.IntegerField(required=False, min_value=60, max_value=10**9, help_text="Seconds; a row for each.")
    by = serializers.CharField(required=False, help_text="A row for each of these, such as config.")
    origin = serializers.ChoiceField(Origin.choices, required=False, help_text="USER without it: origins never mix.")
    model = serializers.CharField(required=False)
    zone = serializers.CharField(required=False, help_text='Where days begin, such as "Europe/Berlin"; UTC without it.')
    measure = serializers.ChoiceField(MEASURES, required=False, help_text="Of latency: whose time; total without it.")
    purpose = serializers.ChoiceField([one.value for one in Purpose], required=False, help_text="Of calls.")
    name = serializers.CharField(required=False, help_text="Of scores: the criterion.")
    source = serializers.ChoiceField(  # type: ignore[assignment] # a parameter
        Score.Source.choices, required=False, help_text="Of scores: who gave them; JUDGE without it."
    )
    format = serializers.ChoiceField(["json", "csv"], required=False)

    def validate_zone(self, value: str) -> str:
        if zone_named(value) is None:
            raise ValidationError(f'There is no time zone "{value}"; they are called like "Europe/Berlin".')
        return value


class Reports(ApiView):
    """Which reports there are."""

    access = {"GET": Access(Scope.READ, "chat.view_turn")}
    parameters = NOTHING

    @extend_schema(operation_id="list_reports", responses=ReportListSerializer)
    def get(self, request: Request) -> Response:
        """List all reports with their columns, units and intervals."""
        return Response(ReportListSerializer({"results": list(REPORTS.values())}).data)


class OneReport(ApiView):
    """A report."""

    access = {"GET": Access(Scope.READ, "chat.view_turn")}
    renderer_classes = [JSONRenderer, CsvRenderer]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Choose by `?format=` before `Accept`."""
        wanted = request.query_params.get("format")
        named = [one for one in self.get_renderers() if one.format == wanted]
        return (named[0], named[0].media_type) if named else super().perform_content_negotiation(request, force)

    @extend_schema(
        operation_id="read_report",
        parameters=[FiguresQuery],
        responses={(200, "application/json"): FiguresSerializer, (200, "text/csv"): str},
    )
    def get(self, request: Request, name: str) -> Response:
        """Read a report. As a table with `?format=csv`, or `Accept: text/csv`."""
        report = REPORTS.get(name)
        if report is None:
            raise NotFound(f"There is no report {name!r}; there are {', '.join(REPORTS)}.")
        query = asked(request, FiguresQuery, also=frozenset())
        query.pop("format", None)
        _check_shape(report, query)
        filters = _filters(query)
        try:
            rows = read(name, filters, **_options(filters, query))
        except ValueError as error:
            raise ValidationError(str(error)) from error
        renderer, _ = self.perform_content_negotiation(request)
        if isinstance(renderer, CsvRenderer):
            return Response(rows, headers={"Content-Disposition": f'attachment; filename="{name}.csv"'})
        return Response({"name": name, "since": filters.since, "until": filters.until, "rows": rows})


def _check_shape(report: Report, query: dict[str, Any]) -> None:
    """Raise ValidationError for a parameter that this report has no use for: it would be passed over in silence."""
    allowed = OF_SHAPE[report.shape]
    if allowed is None:
        allowed = (set(FiguresQuery().fields) - set(EXTRAS)) | set(report.extras)
    if useless := sorted(set(query) - allowed):
        known = f"It knows {', '.join(sorted(allowed))}." if allowed else "It is as things stand, without filters."
        raise ValidationError({name: f"{report.name} has no {name}. {known}" for name in useless})
    if (by := query.get("by", "")) and by not in report.groupings:
        known = f"There are {', '.join(filter(None, report.groupings))}." if any(report.groupings) else "It has none."
        raise ValidationError({"by": f'{report.name} has no groups by "{by}". {known}'})


def _filters(query: dict[str, Any]) -> Filters:
    until = query.get("until") or (query["since"] + DAY if "since" in query else timezone.now())
    since = query.get("since") or until - DAY
    return Filters(
        since=since,
        until=until,
        origin=query.get("origin", Origin.USER),
        collection_id=query.get("collection"),
        config_id=query.get("config"),
        model=query.get("model"),
        zone=query.get("zone", "UTC"),
    )


def _options(filters: Filters, query: dict[str, Any]) -> dict[str, Any]:
    """Return steps, groups and what else the report takes."""
    options: dict[str, Any] = {"by": query.get("by", ""), **{name: query[name] for name in EXTRAS if name in query}}
    if "step" in query:
        step = timedelta(seconds=query["step"])
        if (filters.until - filters.since) / step > MOST_STEPS:
            raise ValidationError({"step": f"More than {MOST_STEPS:,} steps; take longer ones, or a shorter range."})
        options["step"] = step
    return options
