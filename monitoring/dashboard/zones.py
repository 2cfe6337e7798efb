"""In which zone a viewer sees times: the one that the browser told in a cookie, or that an address names."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.db import connection
from django.http import HttpRequest

ZONE_COOKIE = "ragsite_zone"  # set by static/ragsite/zone.js
UTC_ZONE = ZoneInfo("UTC")


def zone_of(request: HttpRequest) -> ZoneInfo:
    """Return the viewer's own zone; UTC while the browser has told none that is known here."""
    return zone_named(request.COOKIES.get(ZONE_COOKIE, "")) or UTC_ZONE


def zone_named(name: str) -> ZoneInfo | None:
    """Return the zone of that name in the IANA time zone database, None where there is none."""
    return ZoneInfo(name) if name in _known() else None


@cache
def _known() -> frozenset[str]:
    """The names that both Python and the database know, since both cut days; read once a process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor.fetchall()) & available_timezones()
