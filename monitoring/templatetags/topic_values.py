"""Figures of topics as pages show them."""

from django import template

from monitoring.templatetags.evaluation_values import NOTHING

register = template.Library()


@register.filter
def percent(share: float | None) -> str:
    """Return a share of 0 to 1 as "12 %"; a dash for none."""
    return NOTHING if share is None else f"{100 * share:.0f} %"
