"""The admin shows and takes times in the viewer's zone; they are stored in UTC."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import sync_only_middleware

from monitoring.dashboard.zones import ZONE_COOKIE, zone_of

Respond = Callable[[HttpRequest], HttpResponseBase]


@sync_only_middleware
def in_viewers_zone(get_response: Respond) -> Respond:
    """Middleware: let pages of the admin be made in the zone that the browser told."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if ZONE_COOKIE not in request.COOKIES or not request.path_info.startswith(reverse("admin:index")):
            return get_response(request)
        with timezone.override(zone_of(request)):
            return get_response(request)

    return answer
