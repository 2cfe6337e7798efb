"""Addresses of monitoring's part of the API, below /api/v1/."""

from django.urls import URLPattern, path

from monitoring.api import reports, score_shapes, scores

app_name = "monitoring-api"
urlpatterns: list[URLPattern] = [
    path("reports/", reports.Reports.as_view(), name="reports"),
    path("reports/<slug:name>/", reports.OneReport.as_view(), name="report"),
    path("scores/", scores.Scores.as_view(), name="scores"),
    path("scores/import/", score_shapes.ImportScores.as_view(), name="import-scores"),
    path("scores/export/", score_shapes.ExportScores.as_view(), name="export-scores"),
    path("scores/<int:score_id>/", scores.OneScore.as_view(), name="score"),
]
