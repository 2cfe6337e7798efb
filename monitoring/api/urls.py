"""Addresses of monitoring's part of the API, below /api/v1/."""

from django.urls import URLPattern, path

from monitoring.api import alerts, judges, reports, score_shapes, scores, turns

app_name = "monitoring-api"
urlpatterns: list[URLPattern] = [
    path("monitoring/turns/", turns.WatchedTurns.as_view(), name="turns"),
    path("alerts/", alerts.Alerts.as_view(), name="alerts"),
    path("judge-rules/", judges.JudgeRules.as_view(), name="judge-rules"),
    path("judge-versions/", judges.JudgeVersions.as_view(), name="judge-versions"),
    path("judge-versions/<int:version_id>/", judges.OneJudgeVersion.as_view(), name="judge-version"),
    path("reports/", reports.Reports.as_view(), name="reports"),
    path("reports/<slug:name>/", reports.OneReport.as_view(), name="report"),
    path("scores/", scores.Scores.as_view(), name="scores"),
    path("scores/import/", score_shapes.ImportScores.as_view(), name="import-scores"),
    path("scores/export/", score_shapes.ExportScores.as_view(), name="export-scores"),
    path("scores/<int:score_id>/", scores.OneScore.as_view(), name="score"),
]
