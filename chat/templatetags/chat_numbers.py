"""Numbers as the search lab shows them."""

from django import template

register = template.Library()


@register.filter
def milliseconds(seconds: float | None) -> str:
    """Return a short time as "2.4 ms"; "not measured" for None."""
    return "not measured" if seconds is None else f"{seconds * 1000:.1f} ms"
