"""At most so many requests of each scope a minute and user, the same for all of a user's tokens: RAGSITE_API_*_PER_
MINUTE. Every reply says how many are left."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from chat.api.access import access_of
from chat.services.api_use import count_request


class ScopeThrottle(BaseThrottle):
    """Counts in the minute of the clock."""

    def allow_request(self, request: Request, view: Any) -> bool:
        now = timezone.now()
        scope = access_of(view, request.method or "").scope
        limit = settings.API_REQUESTS_PER_MINUTE[scope]
        user: Any = request.user  # signed in: permissions are looked at before
        used = count_request(user_id=user.pk, scope=scope, now=now)
        self.seconds = seconds_left(now)
        view.limits = {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - used)),
            "RateLimit-Reset": str(self.seconds),
        }
        return used <= limit

    def wait(self) -> float:
        return self.seconds


def seconds_left(now: datetime) -> int:
    """Return the whole seconds until the next minute begins."""
    return 60 - now.second
