"""What is wrong with a turn by what is recorded of it: no judgement is needed, so these findings always flag."""

from collections.abc import Iterator

from django.conf import settings
from django.db.models import FloatField, Func, QuerySet, Value

from chat.models import Feedback, Turn
from chat.models.feedback import Reason
from monitoring.flags.finding import ANSWERED, Finding

SAMPLE_SALT = "review-sample"  # another than that of the judges' samples, or the two would draw the same turns


class Draw(Func):
    """A number in 0..1 that stands for a turn, for good: the first 52 bits of a hash of its id. What is drawn at one
    rate is drawn at each higher one."""

    template = (
        "(('x' || left(encode(sha256(convert_to(%(expressions)s::text, 'UTF8')), 'hex'), 13))::bit(52)::bigint"
        " / 4503599627370496.0)"
    )
    arg_joiner = "::text || ':' || "
    output_field = FloatField()


def with_thumbs_down(turns: QuerySet[Turn]) -> Iterator[Finding]:
    """Users who did not like the answer."""
    votes = Feedback.objects.filter(turn__in=turns, value=Feedback.Value.DOWN).order_by("turn_id", "pk")
    seen: set[int] = set()
    for turn_id, reasons, comment in votes.values_list("turn_id", "reasons", "comment"):
        if turn_id not in seen:
            seen.add(turn_id)
            named = ", ".join(Reason(reason).label.lower() for reason in reasons)
            yield Finding(turn_id, ": ".join(filter(None, [named, comment])))


def without_answer(turns: QuerySet[Turn]) -> Iterator[Finding]:
    """Answers that failed."""
    failed = turns.filter(status=Turn.Status.FAILED).values_list("pk", "error_code", "error_message")
    for turn_id, code, message in failed:
        yield Finding(turn_id, ": ".join(filter(None, [code, message])))


def slow(turns: QuerySet[Turn]) -> Iterator[Finding]:
    """Answers that users waited long for."""
    for turn_id, seconds in turns.filter(total_seconds__gt=settings.SLOW_SECONDS).values_list("pk", "total_seconds"):
        yield Finding(turn_id, f"{seconds:.1f} s, more than {settings.SLOW_SECONDS:g} s")


def citing_nothing(turns: QuerySet[Turn]) -> Iterator[Finding]:
    """Answers with numbers that stand for no hit; they were removed."""
    for turn_id, removed in turns.filter(removed_citations__gt=0).values_list("pk", "removed_citations"):
        noun = "citation" if removed == 1 else "citations"
        yield Finding(turn_id, f"{removed} {noun} of hits that do not exist")


def sample_weight() -> float:
    """Return how many answers one of the random sample stands for; 0 where none is drawn."""
    return 1 / settings.REVIEW_SAMPLE_RATE if settings.REVIEW_SAMPLE_RATE > 0 else 0.0


def drawn(turns: QuerySet[Turn]) -> Iterator[Finding]:
    """A random sample of the answers, whatever is known of them."""
    rate = settings.REVIEW_SAMPLE_RATE
    if rate <= 0:
        return
    answered = turns.filter(status__in=ANSWERED).annotate(draw=Draw(Value(SAMPLE_SALT), "pk")).filter(draw__lt=rate)
    for turn_id in answered.values_list("pk", flat=True):
        yield Finding(turn_id, f"stands for {sample_weight():.3g} answers", weight=sample_weight())
