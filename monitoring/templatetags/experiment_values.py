"""Figures of experiments as pages show them."""

from django import template

from monitoring.experiments.kpis import KPIS, SPACE
from monitoring.models.experiments import BUCKETS
from monitoring.templatetags.evaluation_values import NOTHING

register = template.Library()

ICONS = {
    "better": "thumb_up",
    "worse": "thumb_down",
    "harmful": "report",
    "invalid": "error",
    "false_alarm": "notification_important",
    "same": "check_circle",
    "no_difference": "drag_handle",
}


@register.filter
def parts(number: int) -> str:
    """Return parts of 10,000 as "50 %", "33.3 %"."""
    return f"{number * 100 / BUCKETS:g}{SPACE}%"


@register.filter
def share_words(share: float | None) -> str:
    """Return a share of 0 to 1 as "49.8 %"; a dash for none."""
    return NOTHING if share is None else f"{100 * share:.1f}{SPACE}%"


@register.filter
def kpi_title(name: str) -> str:
    """Return the title of a KPI; its name, where there is no such KPI any more."""
    return KPIS[name].title if name in KPIS else name


@register.filter
def kpi_size(number: float, name: str) -> str:
    """Return a difference in a KPI's own unit, "3 points"."""
    return KPIS[name].size(number) if name in KPIS else f"{number:g}"


@register.filter
def verdict_icon(kind: str) -> str:
    """Return the icon of a kind of verdict; an hourglass for those that ask for patience."""
    return ICONS.get(kind, "hourglass_top")
