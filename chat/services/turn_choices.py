"""Ways to choose turns that have a name: what the admin's filters and exports mean by it, and what figures count as
it."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from chat.models import Feedback, Turn

ANSWERED = Q(status__in=[Turn.Status.DONE, Turn.Status.STOPPED])
OUTCOMES = {
    "answered": ("answered", ANSWERED),
    "failed": ("failed or interrupted", Q(status__in=[Turn.Status.FAILED, Turn.Status.INTERRUPTED])),
    "refused": ("answered that nothing was found", ANSWERED & Q(nothing_found=True)),
    "empty": ("searched without a hit", Q(hit_count=0)),
    "unfinished": ("not finished", Q(status__in=[Turn.Status.PENDING, Turn.Status.STREAMING])),
}
NO_COLLECTION = "0"  # as the reports name it
NO_MODEL = "(none)"  # of what another system answered, which did not say
# A time beyond them is a mistake, and next to the first or the last of all years no zone can show it.
YEARS = range(1970, 2201)
POSSIBLE_YEARS = f"years from {YEARS[0]} to {YEARS[-1]} are possible"


def voted(value: Feedback.Value) -> Exists:
    return Exists(Feedback.objects.filter(turn=OuterRef("pk"), value=value))


VOTES = {
    "up": ("thumbs up", Q(voted(Feedback.Value.UP))),
    "down": ("thumbs down", Q(voted(Feedback.Value.DOWN))),
    "none": ("answers without a vote", ANSWERED & ~Q(Exists(Feedback.objects.filter(turn=OuterRef("pk"))))),
}


def read_time(text: str) -> datetime | None:
    """Return the time that ISO 8601 text says; None where it says none. A "+" of a zone may have become a blank."""
    try:
        at = parse_datetime(text.strip().replace(" ", "+") if "T" in text else text)
    except ValueError:
        return None
    if at is None:
        return None
    return at if timezone.is_aware(at) else timezone.make_aware(at)
