"""What reviewers said of a conversation, and who may see it: of an item that two review blind to each other, a reviewer
sees nothing of the other's before both have decided."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from monitoring.judges.criteria import CRITERIA
from monitoring.models import Review, ReviewItem, Score

# Who has these permissions reviews.
REVIEWING = ("monitoring.add_review", "monitoring.change_reviewitem")


@dataclass(frozen=True, slots=True)
class Opinions:
    """What reviewers said of one turn (or of the conversation) by one criterion: labels by reviewer, "" for none."""

    name: str
    title: str
    by_person: tuple[tuple[str, str], ...]  # names of reviewers with their labels

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(label for _, label in self.by_person)

    @property
    def given(self) -> tuple[str, ...]:
        return tuple(label for label in self.labels if label)

    @property
    def is_compared(self) -> bool:
        """Whether two or more said something."""
        return len(self.given) > 1

    @property
    def agrees(self) -> bool:
        return self.is_compared and len(set(self.given)) == 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided of an item, as far as somebody may see it. By turn; None: of the conversation."""

    reviews: Sequence[Review] = ()
    opinions: Mapping[int | None, Sequence[Opinions]] = field(default_factory=dict)
    corrections: Mapping[int, Sequence[tuple[str, str]]] = field(default_factory=dict)  # reviewer and text

    @property
    def compared(self) -> int:
        return sum(opinion.is_compared for of_turn in self.opinions.values() for opinion in of_turn)

    @property
    def agreed(self) -> int:
        return sum(opinion.agrees for of_turn in self.opinions.values() for opinion in of_turn)


def may_see_others(item: ReviewItem, user: Any, *, is_reviewer: bool) -> bool:
    """Whether others' reviews of the current round are open to this user: to a reviewer once the item is finished."""
    return item.is_finished or not is_reviewer


def hidden_from(user: Any) -> QuerySet[ReviewItem]:
    """Return the items that wait for a second review, of which this user may not see what the first reviewer said; all
    pages that show labels leave them out. None for those who do not review."""
    if not user.has_perms(REVIEWING):
        return ReviewItem.objects.none()
    given = Review.objects.filter(item=OuterRef("pk"), round=OuterRef("round"), decided_at__isnull=False)
    return ReviewItem.objects.filter(
        Exists(given.exclude(reviewer=user.pk)), status=ReviewItem.Status.IN_REVIEW, reviews_wanted__gt=1
    )


def outcome_of(item: ReviewItem, user: Any, *, is_reviewer: bool) -> Outcome:
    """Return what was decided, newest round last. Three queries."""
    reviews = item.reviews.filter(decided_at__isnull=False).select_related("reviewer").order_by("decided_at")
    if not may_see_others(item, user, is_reviewer=is_reviewer):
        # Not their earlier rounds either: a label that is given again takes the earlier one's place.
        reviews = reviews.exclude(
            reviewer__in=item.reviews.filter(round=item.round).exclude(reviewer=user.pk).values("reviewer")
        )
    shown = list(reviews.prefetch_related("corrections"))
    people = {review.reviewer_id: review.reviewer.get_username() for review in shown}
    corrections: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for review in shown:
        for correction in review.corrections.all():
            corrections[correction.turn_id].append((review.reviewer.get_username(), correction.text))
    return Outcome(shown, _opinions(item, people), dict(corrections))


def _opinions(item: ReviewItem, people: Mapping[int, str]) -> dict[int | None, list[Opinions]]:
    scores = Score.objects.by_reviewers().filter(turn__conversation=item.conversation_id, reviewer__in=people)
    said: dict[int | None, dict[str, dict[int | None, str]]] = defaultdict(lambda: defaultdict(dict))
    for score in scores:
        of_turn = said[None if score.conversation_id else score.turn_id]
        of_turn[score.name][score.reviewer_id] = score.label
    return {
        turn_id: [
            Opinions(
                name, criterion.title, tuple((username, by_name[name].get(pk, "")) for pk, username in people.items())
            )
            for name, criterion in CRITERIA.items()
            if name in by_name
        ]
        for turn_id, by_name in said.items()
    }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reviewer is today."""

    done: int
    left: int

    @property
    def total(self) -> int:
        return self.done + self.left


def progress_of(reviewer: Any) -> Progress:
    """Return what this reviewer decided today, by the site's clock, and what is left for them. Two queries."""
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time.min))
    done = Review.objects.filter(reviewer=reviewer.pk, decided_at__gte=midnight).count()
    return Progress(done, ReviewItem.objects.free_for(reviewer).count())
