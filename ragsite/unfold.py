"""How the admin looks: its name, colours and the links at its side. Read by django-unfold as the setting UNFOLD."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy

Link = dict[str, Any]


def site_name(request: HttpRequest) -> str:
    return str(settings.SITE_NAME)


def stylesheet(request: HttpRequest) -> str:
    return static("ragsite/admin.css")


def zone_script(request: HttpRequest) -> str:
    return static("ragsite/zone.js")


def icon(request: HttpRequest) -> str:
    return static("ragsite/logo.svg")


def _never(request: HttpRequest) -> bool:
    """A link out of the admin is never the page that one is on, though its address begins all others."""
    return False


def _is_first_page(request: HttpRequest) -> bool:
    return request.path == reverse("admin:index")


def _may(*permissions: str) -> Callable[[HttpRequest], bool]:
    def may(request: HttpRequest) -> bool:
        return request.user.has_perms(permissions)

    return may


def _link(title: str, icon: str, model: str) -> Link:
    """Return a link to the list of a model ("chat.turn") for those who may view it."""
    app, _, name = model.partition(".")
    url = reverse_lazy(f"admin:{app}_{name}_changelist")
    return {"title": title, "icon": icon, "link": url, "permission": _may(f"{app}.view_{name}")}


NAVIGATION = [
    {
        "items": [
            {"title": "Dashboard", "icon": "monitoring", "link": reverse_lazy("admin:index"), "active": _is_first_page},
            {"title": "Open chat", "icon": "forum", "link": reverse_lazy("chat:home"), "active": _never},
            {"title": "Search lab", "icon": "science", "link": reverse_lazy("chat:search-lab"), "active": _never},
            {"title": "Runbooks", "icon": "menu_book", "link": reverse_lazy("runbooks:list")},
        ],
    },
    {
        "title": "Conversations",
        "separator": True,
        "items": [
            _link("Conversations", "chat", "chat.conversation"),
            _link("Turns", "question_answer", "chat.turn"),
            _link("Feedback", "thumbs_up_down", "chat.feedback"),
            _link("Topics", "workspaces", "monitoring.topicrun"),
            _link("Exports", "download", "monitoring.export"),
        ],
    },
    {
        "title": "Review",
        "separator": True,
        "items": [
            _link("Queue", "rate_review", "monitoring.reviewitem"),
            _link("Flags", "flag", "monitoring.flag"),
        ],
    },
    {
        "title": "Judging",
        "separator": True,
        "items": [
            _link("Judge rules", "rule", "monitoring.judgerule"),
            _link("Scores", "scoreboard", "monitoring.score"),
            _link("Judges", "gavel", "monitoring.judgeversion"),
        ],
    },
    {
        "title": "Knowledge base",
        "separator": True,
        "items": [
            _link("Collections", "folder_open", "chat.collection"),
            _link("Documents", "description", "chat.document"),
            _link("Embedders", "scatter_plot", "chat.embedder"),
        ],
    },
    {
        "title": "Evaluation",
        "separator": True,
        "items": [
            _link("Datasets", "dataset", "monitoring.dataset"),
            _link("Evaluation runs", "labs", "monitoring.evaluationrun"),
            _link("Blind comparisons", "balance", "monitoring.comparison"),
            _link("Experiments", "experiment", "monitoring.experiment"),
        ],
    },
    {
        "title": "Configuration",
        "separator": True,
        "items": [
            _link("Pipeline configs", "account_tree", "chat.pipelineconfig"),
            _link("Model prices", "payments", "chat.modelprice"),
            _link("Budgets", "savings", "chat.budget"),
            _link("Webhooks", "webhook", "monitoring.webhook"),
        ],
    },
    {
        "title": "People",
        "separator": True,
        "items": [
            _link("Users", "person", "auth.user"),
            _link("Groups", "group", "auth.group"),
            _link("API tokens", "key", "chat.apitoken"),
        ],
    },
    {
        "title": "Background tasks",
        "separator": True,
        "collapsible": True,
        "items": [
            _link("Waiting", "pending", "django_q.ormq"),
            _link("Failed", "error", "django_q.failure"),
            _link("Done", "task_alt", "django_q.success"),
            _link("Scheduled", "schedule", "django_q.schedule"),
        ],
    },
]

UNFOLD = {
    "SITE_TITLE": site_name,
    "SITE_HEADER": site_name,
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "quick_reference_all",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": icon}],
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_BACK_BUTTON": True,
    "STYLES": [stylesheet],
    "SCRIPTS": [zone_script],
    "DASHBOARD_CALLBACK": "monitoring.admin.dashboard.first_page",
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.72)",
            "100": "oklch(95.3% .051 180.801)",
            "200": "oklch(91% .096 180.426)",
            "300": "oklch(85.5% .138 181.071)",
            "400": "oklch(77.7% .152 181.912)",
            "500": "oklch(70.4% .14 182.503)",
            "600": "oklch(54.5% .102 184.704)",
            "700": "oklch(51.1% .096 186.391)",
            "800": "oklch(43.7% .078 188.216)",
            "900": "oklch(38.6% .063 188.416)",
            "950": "oklch(27.7% .046 192.524)",
        },
    },
    "SIDEBAR": {"show_search": True, "navigation": NAVIGATION},
}
