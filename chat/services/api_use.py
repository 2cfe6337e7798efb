"""How often a user may call the API: requests of each scope a minute, counted by the database for all processes."""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from chat.models import ApiUse, KeptReply

KEEP_USE = timedelta(minutes=5)
KEEP_REPLIES = timedelta(hours=24)

COUNT_SQL = """
INSERT INTO chat_apiuse AS use (user_id, scope, minute, requests)
VALUES (%(user_id)s, %(scope)s, %(minute)s, 1)
    ON CONFLICT (user_id, scope, minute) DO UPDATE SET requests = use.requests + 1
RETURNING requests
"""


def count_request(*, user_id: int, scope: str, now: datetime) -> int:
    """Count a request and return how many of this minute it makes. One query."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SQL, {"user_id": user_id, "scope": scope, "minute": now.replace(second=0, microsecond=0)})
        return int(cursor.fetchone()[0])


def sweep_api() -> int:
    """Remove counts of minutes that are over, and replies that are kept no longer; return how many."""
    now = timezone.now()
    counts, _ = ApiUse.objects.filter(minute__lt=now - KEEP_USE).delete()
    replies, _ = KeptReply.objects.filter(created_at__lt=now - KEEP_REPLIES).delete()
    return counts + replies
