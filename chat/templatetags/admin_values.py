"""Values as the admin's pages show them. Imports nothing of chat.admin: the theme renders templates while it loads."""

from decimal import Decimal

from django import template

from chat.models.feedback import Reason

register = template.Library()

NOTHING = "–"  # noqa: RUF001 # the sign for "nothing here" in a table
UNKNOWN = "unknown"


@register.filter
def seconds(value: float | None) -> str:
    """Return a time as people read it: "340 ms", "1.24 s"; a dash where it did not happen."""
    if value is None:
        return NOTHING
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


@register.filter
def usd(value: Decimal | None) -> str:
    """Return an amount with as many digits as it needs, two at least; "unknown" for none."""
    if value is None:
        return UNKNOWN
    digits = f"{value:.8f}".rstrip("0")
    return f"${digits if len(digits.partition('.')[2]) > 2 else f'{value:.2f}'}"


@register.filter
def dollars(value: Decimal) -> str:
    """Return an amount to the cent: "$1,234.50"; less than a cent is said to be that."""
    return "under $0.01" if 0 < value < Decimal("0.005") else f"${value:,.2f}"


@register.filter
def share(ratio: float) -> str:
    """Return a share as a whole percentage: 0.994 is "99 %", since only what is whole is "100 %"."""
    return f"{int(ratio * 100)}\N{NO-BREAK SPACE}%"


@register.filter
def reason(code: str) -> str:
    """Return the label of a feedback's reason."""
    return str(Reason(code).label)
