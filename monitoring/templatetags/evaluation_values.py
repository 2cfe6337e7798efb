"""Measures as the pages of evaluation runs show them."""

from django import template

register = template.Library()

NOTHING = "–"  # noqa: RUF001 # the sign for "nothing here" in a table
MINUS = "−"  # noqa: RUF001 # as wide as a plus


@register.filter
def measure(value: float | None) -> str:
    """Return a measure with three digits, "0.923"; a dash for none."""
    return NOTHING if value is None else f"{value:.3f}".replace("-", MINUS)


@register.filter
def label_words(label: str) -> str:
    """Return a label as people read it: "Partly supported", "Not relevant"."""
    words = label.replace("_", " ").capitalize()
    return f"Not {words[4:]}" if words.startswith("Non ") else words


@register.filter
def difference(value: float | None) -> str:
    """Return a difference with its sign, "+0.012"; a dash for none."""
    return NOTHING if value is None else f"{value:+.3f}".replace("-", MINUS)


@register.filter
def duration(seconds: float | None) -> str:
    """Return a time that may be long: "0.8 s", "41 s", "3 min 20 s", "2 h 5 min"; a dash for none."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
