"""Flags and reviews of turns, as exports tell them.

A review is of a whole conversation: each of its turns tells it, with the labels and the corrected answer of that turn.
One that is not decided yet is not told.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from monitoring.models import CorrectedAnswer, Flag, Review, Score

Row = dict[str, Any]
Rows = Mapping[int, Sequence[Row]]  # by turn

FLAG_COLUMNS = ("reason", "detail", "is_advisory", "weight", "created_at", "settled_at")
REVIEW_COLUMNS = ("reviewer_id", "reviewer__username", "round", "is_dismissed", "note", "created_at", "decided_at")


def read_flags(turn_ids: Sequence[int], scores: Rows) -> dict[int, list[Row]]:
    """Return flags by turn, each with the place of its verdict among the turn's scores, 1: the first. One query."""
    places = {row["pk"]: place for rows in scores.values() for place, row in enumerate(rows, start=1)}
    found: dict[int, list[Row]] = defaultdict(list)
    flags = Flag.objects.filter(turn__in=turn_ids).order_by("turn_id", "pk")
    for row in flags.values("turn_id", "score_id", *FLAG_COLUMNS):
        found[row["turn_id"]].append({**row, "score": places.get(row["score_id"])})
    return found


def read_reviews(conversations: Mapping[int, UUID], scores: Rows) -> dict[int, list[Row]]:
    """Return decided reviews by turn, of the reviewed conversations of turns. Two queries, none where there are no
    such conversations.

    Labels are those that a reviewer's last review left: who labels the same again changes their mind.
    """
    if not conversations:
        return {}
    of_item: dict[UUID, list[Row]] = defaultdict(list)
    reviews = Review.objects.filter(item__conversation__in=set(conversations.values()), decided_at__isnull=False)
    for row in reviews.order_by("decided_at", "pk").values("pk", "item__conversation_id", *REVIEW_COLUMNS):
        of_item[row["item__conversation_id"]].append(row)
    written = CorrectedAnswer.objects.filter(turn__in=conversations)
    corrections = {(review, turn): text for review, turn, text in written.values_list("review", "turn", "text")}
    return {
        turn_id: list(_of_turn(turn_id, of_item[conversation], scores.get(turn_id, ()), corrections))
        for turn_id, conversation in conversations.items()
    }


def _of_turn(
    turn_id: int, reviews: Sequence[Row], scores: Iterable[Row], corrections: Mapping[tuple[int, int], str]
) -> Iterable[Row]:
    labels: dict[int | None, dict[str, str]] = defaultdict(dict)
    for score in scores:
        if score["source"] == Score.Source.REVIEWER:
            labels[score["reviewer_id"]][score["name"]] = score["label"]
    last = {review["reviewer_id"]: review["pk"] for review in sorted(reviews, key=lambda review: review["round"])}
    for review in reviews:
        is_last = last[review["reviewer_id"]] == review["pk"]
        yield {
            **review,
            "labels": (labels.get(review["reviewer_id"]) or None) if is_last else None,
            "correction": corrections.get((review["pk"], turn_id)),
        }
