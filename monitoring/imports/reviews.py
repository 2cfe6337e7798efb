"""Reviews of imported conversations: their place in the queue, what was decided, and corrected answers.

They come with the first turn of a conversation that has no place in the queue here. One that has keeps it, with what
was decided here; flags of further turns may open it again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from monitoring.flags.queue import arrange_queue
from monitoring.imports.copying import copy_rows, new_ids
from monitoring.imports.references import References
from monitoring.models import CorrectedAnswer, Review, ReviewItem

Record = Mapping[str, Any]
Row = dict[str, Any]
Key = tuple[UUID, int, int]  # conversation, reviewer, round

Status = ReviewItem.Status
FINISHED = (Status.RESOLVED, Status.DISMISSED)


def write_reviews(each: Sequence[tuple[Record, int]], references: References) -> None:
    """Store the reviews of records, each with the id of its turn, inside the caller's transaction and behind the flags.
    No query where no conversation was flagged."""
    named = {record["conversation"]["id"]: record for record, _ in each if record["conversation"]["review_item"]}
    waiting = [record for record, _ in each if any(not flag["settled_at"] for flag in record["flags"])]
    flagged = {record["conversation"]["id"] for record in waiting}
    if not named and not flagged:
        return
    queued = ReviewItem.objects.filter(conversation__in=named.keys() | flagged)
    here = set(queued.values_list("conversation", flat=True))
    begun = {pk: record for pk, record in named.items() if pk not in here}
    items = dict(zip(begun, new_ids(ReviewItem, len(begun)), strict=True))
    copy_rows(ReviewItem, [_item_row(record, items[pk]) for pk, record in begun.items()])
    reviews = [row for pk, record in begun.items() for row in _review_rows(record, items[pk], references)]
    copy_rows(Review, [row | {"id": pk} for row, pk in zip(reviews, new_ids(Review, len(reviews)), strict=True)])
    _write_corrections(each, references)
    arrange_queue(here & flagged)


def _item_row(record: Record, pk: int) -> Row:
    item = record["conversation"]["review_item"]
    status = item["status"]
    if status not in FINISHED:  # nobody holds it here
        decided = any(review["round"] == item["round"] for review in record["reviews"])
        status = Status.IN_REVIEW if decided else Status.OPEN
    return {
        "id": pk,
        "conversation_id": record["conversation"]["id"],
        "status": status,
        "priority": item["priority"] or 0.0,
        **{name: item[name] for name in ("reviews_wanted", "round", "opened_at", "resolved_at")},
    }


def _review_rows(record: Record, item_id: int, references: References) -> list[Row]:
    return [
        {
            "item_id": item_id,
            "reviewer_id": reviewer_id,
            "round": review["round"],
            "note": review["note"] or "",
            "is_dismissed": bool(review["is_dismissed"]),
            "created_at": review["created_at"] or review["decided_at"],
            "decided_at": review["decided_at"],
        }
        for review, reviewer_id in _with_reviewers(record, references)
    ]


def _with_reviewers(record: Record, references: References) -> Iterable[tuple[Record, int]]:
    """Yield the reviews with the id of who wrote them: one who is not named is nobody, another one for each review of
    a round."""
    nameless: Counter[int] = Counter()
    for review in record["reviews"]:
        reviewer_id = references.user(review["reviewer"])
        if reviewer_id is None:
            nameless[review["round"]] += 1
            reviewer_id = references.nameless_reviewer(nameless[review["round"]])
        yield review, reviewer_id


def _write_corrections(each: Sequence[tuple[Record, int]], references: References) -> None:
    """Store the corrected answers of reviews that are here."""
    written = [
        ((record["conversation"]["id"], reviewer_id, review["round"]), turn_id, review["correction"])
        for record, turn_id in each
        if any(review["correction"] for review in record["reviews"])
        for review, reviewer_id in _with_reviewers(record, references)
        if review["correction"]
    ]
    rows = Review.objects.filter(item__conversation__in={key[0] for key, _, _ in written})
    columns = ("item__conversation", "reviewer", "round", "pk")
    known: dict[Key, int] = {(talk, who, number): pk for talk, who, number, pk in rows.values_list(*columns)}
    copy_rows(
        CorrectedAnswer,
        [{"review_id": known[key], "turn_id": turn_id, "text": text} for key, turn_id, text in written if key in known],
    )
