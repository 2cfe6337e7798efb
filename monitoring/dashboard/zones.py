"""In which zone a viewer sees times: the one that the browser told in a cookie, or that an address names."""

from collections.abc import Collection
from functools import cache
from importlib.resources import files
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
    known = known_name(name, _known())
    return ZoneInfo(known) if known else None


def known_name(name: str, known: Collection[str]) -> str | None:
    """Return the name among those known of the zone that is called `name`; None where it is not known by any.

    Browsers say Asia/Calcutta, and Debian's packages of database servers know Asia/Kolkata alone; older servers know
    only the older names.
    """
    if name in known:
        return name
    names = _names()
    zone = names.get(name)
    if zone in known:
        return zone
    return min((other for other in known if names.get(other) == zone), default=None) if zone else None


@cache
def _known() -> frozenset[str]:
    """The names that both Python and the database know, since both cut days; read once a process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor.fetchall()) & available_timezones()


@cache
def _names() -> dict[str, str]:
    """Return all names of zones, and which zone each is a name of."""
    names = {}
    for line in files("tzdata.zoneinfo").joinpath("tzdata.zi").read_text().splitlines():
        match line.split():
            case ["Z", zone, *_]:
                names[zone] = zone
            case ["L", zone, name]:
                names[name] = zone
    return names
