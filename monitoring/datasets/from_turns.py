"""A turn as an item: what a user asked, what a reviewer says is the right answer, and the hits that hold it."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction

from chat.models import Hit, Turn
from monitoring.datasets.drafts import ItemDraft, Relevant
from monitoring.datasets.versions import Change, change_dataset
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset, DatasetItem

HISTORY_EXCHANGES = 6  # as many as the model was given


def item_from_turn(
    *,
    dataset: Dataset,
    turn: Turn,
    expected_answer: str = "",
    relevant_hits: Iterable[Hit] = (),
    is_answerable: bool = True,
    tags: Sequence[str] = (),
    author: Any = None,
) -> Change:
    """Add a turn's question to a dataset, with its history; `relevant_hits` are those of its hits that hold the answer.

    Their documents and spans are kept, so it does not matter how the documents are cut later. The same turn again, with
    another answer, tags or hits, changes the item. Raises DatasetError for a hit whose document is gone, and for a
    question that would bring a document to both sides of a split.
    """
    draft = ItemDraft(
        question=turn.question,
        source=DatasetItem.Source.REVIEW,
        expected_answer=expected_answer.strip(),
        is_answerable=is_answerable,
        history=_history(turn),
        tags=tuple(dict.fromkeys(tags)),
        collection_id=turn.collection_id,
        relevant=_relevant(relevant_hits) if is_answerable else (),
        source_turn_id=turn.pk,
    )
    earlier = dataset.items.current().filter(source_turn=turn).exclude(content_hash=draft.content_hash)
    with transaction.atomic():  # an error undoes the removal too
        change = change_dataset(
            dataset=dataset,
            add=[draft],
            remove=earlier.values_list("pk", flat=True),
            compare=("expected_answer", "is_answerable", "tags", "relevant", "source_turn_id"),
            note=f"From turn {turn.pk}.",
            author=author,
        )
        if change.conflicts:
            raise DatasetError(f"The question cannot be added: {change.conflicts[0].reason}.")
    return change


def _relevant(hits: Iterable[Hit]) -> tuple[Relevant, ...]:
    found: dict[tuple[str, int | None], Relevant] = {}
    for hit in hits:
        if hit.document is None:
            raise DatasetError(f"The document of hit {hit.rank}, {hit.document_title!r}, is gone; choose another.")
        start, end = _span(hit)
        document = hit.document
        found[document.source_id, start] = Relevant(
            document.source_id, document.pk, document.collection.name, start=start, end=end
        )
    return tuple(found.values())


def _span(hit: Hit) -> tuple[int | None, int | None]:
    """Return where the hit stands in its document, by its chunk, or by its words when the chunk was cut anew; the whole
    document when they are not there any more."""
    if hit.chunk is not None:
        return hit.chunk.start, hit.chunk.end
    at = hit.document.text.find(hit.text) if hit.document and hit.text else -1
    return (None, None) if at < 0 else (at, at + len(hit.text))


def _history(turn: Turn) -> tuple[dict[str, str], ...]:
    if turn.given_history is not None:
        return tuple(turn.given_history[-HISTORY_EXCHANGES:])
    earlier = (
        Turn.objects.current()
        .filter(
            conversation_id=turn.conversation_id,
            position__lt=turn.position,
            status__in=[Turn.Status.DONE, Turn.Status.STOPPED],
        )
        .order_by("-position")
        .values_list("question", "answer")[:HISTORY_EXCHANGES]
    )
    return tuple({"question": question, "answer": answer} for question, answer in reversed(earlier))
