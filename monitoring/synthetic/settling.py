"""What becomes of the questions of an order: dropped with a reason, or added to the dataset as one version."""

from collections.abc import Sequence

from django.db import transaction

from chat.models import Document
from monitoring.datasets.drafts import ItemDraft, Relevant
from monitoring.datasets.present import in_batches, present_items
from monitoring.datasets.versions import change_dataset
from monitoring.models import DatasetItem, GeneratedQuestion, Generation, GenerationTask, RelevantDocument
from monitoring.synthetic.filters import Looker, Seen, why_answered, why_copied, why_no_good_question, why_not_found
from monitoring.synthetic.passages import passages_of

Kind, Outcome = GenerationTask.Kind, GeneratedQuestion.Outcome
_BATCH_QUESTIONS = 200
# A question that says the same finds the same documents first.
_SAME_AMONG = 3


def settle(generation: Generation) -> None:
    """Decide about all questions that wait, add the good ones to the dataset, and finish the order: all or nothing."""
    rows = list(generation.questions.filter(outcome=Outcome.WAITING).select_related("task").order_by("pk"))
    looker, seen = Looker.of(generation.collection_id), Seen()
    _remember_items(generation, looker, seen)
    for some in in_batches(rows, _BATCH_QUESTIONS):
        _decide(some, looker, seen, is_model=bool(generation.model))
    drafts = _drafts(generation, [row for row in rows if row.outcome == Outcome.WAITING])
    with transaction.atomic():
        there = present_items(generation.dataset, {draft.content_hash for draft in drafts.values()}, without=())
        for row in rows:
            draft = drafts.get(row.pk)
            if draft is not None and draft.content_hash in there:
                _drop(row, Outcome.DUPLICATE, "it is in the dataset already")
                del drafts[row.pk]
        change = change_dataset(
            dataset=generation.dataset,
            add=list(drafts.values()),
            note=f"Questions {generation.pk}: {generation.model or 'templates'} on {generation.collection}.",
            author=generation.created_by,
        )
        conflicts = {conflict.draft.content_hash: conflict.reason for conflict in change.conflicts}
        for row in rows:
            if row.pk not in drafts:
                continue
            if reason := conflicts.get(drafts[row.pk].content_hash):
                _drop(row, Outcome.BOTH_SIDES, reason)
            else:
                row.outcome = Outcome.KEPT
        GeneratedQuestion.objects.bulk_update(rows, ["outcome", "reason"], batch_size=1000)
        generation.version = change.version.number if change.version else None
        generation.save(update_fields=["version"])


def _remember_items(generation: Generation, looker: Looker, seen: Seen) -> None:
    """Questions that the dataset has about the order's documents are not asked again in other words."""
    ids = {pk for ids in generation.tasks.values_list("document_ids", flat=True) for pk in ids}
    relevant = RelevantDocument.objects.filter(
        item__dataset=generation.dataset, item__removed_in=None, document__in=ids
    ).values_list("item__question", "document_id")
    for some in in_batches(list(relevant.order_by("pk")), _BATCH_QUESTIONS):
        vectors = looker.vectors([question for question, _ in some])
        for (question, document_id), vector in zip(some, vectors, strict=True):
            seen.add(question, vector, [document_id])


def _decide(rows: Sequence[GeneratedQuestion], looker: Looker, seen: Seen, *, is_model: bool) -> None:
    """Drop what is not worth asking; the others stay as they are."""
    good = []
    passages = passages_of({pk for row in rows for pk in row.task.document_ids})
    for row in rows:
        own = [passage for pk in row.task.document_ids for passage in passages.get(pk, [])]
        if reason := why_no_good_question(row.question):
            _drop(row, Outcome.NO_QUESTION, reason)
        elif row.task.kind != Kind.UNANSWERABLE and (reason := why_copied(row.question, own)):
            _drop(row, Outcome.COPIED, reason)
        else:
            good.append(row)
    vectors = looker.vectors([row.question for row in good])
    found = looker.found([row.question for row in good], vectors)
    for row, vector, hits in zip(good, vectors, found, strict=True):
        own_ids = [] if row.task.kind == Kind.UNANSWERABLE else row.task.document_ids
        about = list(dict.fromkeys([*own_ids, *(hit.document_id for hit in hits[:_SAME_AMONG])]))
        if reason := why_not_found(own_ids, hits):
            _drop(row, Outcome.NOT_FOUND, reason)
        elif row.task.kind == Kind.UNANSWERABLE and not is_model and (reason := why_answered(hits)):
            _drop(row, Outcome.ANSWERED, reason)
        elif reason := seen.why_same(vector, about):
            _drop(row, Outcome.DUPLICATE, reason)
        else:
            seen.add(row.question, vector, own_ids or about)


def _drop(row: GeneratedQuestion, outcome: str, reason: str) -> None:
    row.outcome, row.reason = outcome, reason[:300]


def _drafts(generation: Generation, rows: Sequence[GeneratedQuestion]) -> dict[int, ItemDraft]:
    """Return questions as items, by the id of their row. Documents that are gone are left out."""
    ids = {pk for row in rows for pk in row.task.document_ids}
    source_ids = dict(Document.objects.filter(pk__in=ids).values_list("pk", "source_id"))
    collection = generation.collection
    drafts: dict[int, ItemDraft] = {}
    for row in rows:
        relevant = tuple(
            Relevant(source_ids[pk], pk, collection.name, start=start, end=end)
            for pk, start, end in row.spans
            if pk in source_ids
        )
        own = [f"{collection.name}/{source_ids[pk]}" for pk in row.task.document_ids if pk in source_ids]
        is_answerable = row.task.kind != Kind.UNANSWERABLE
        if is_answerable and not relevant:
            _drop(row, Outcome.NOT_FOUND, "its document is gone")
            continue
        drafts[row.pk] = ItemDraft(
            question=row.question,
            source=DatasetItem.Source.MODEL if generation.model else DatasetItem.Source.TEMPLATE,
            expected_answer=row.expected_answer,
            is_answerable=is_answerable,
            tags=tuple(filter(None, [row.task.get_kind_display(), *row.style.split(", ")])),
            collection_id=collection.pk,
            relevant=relevant,
            # an unanswerable question of a model is about its document, one of everyday life is about nothing here
            cluster=own[0] if not is_answerable and generation.model and own else "",
        )
    return drafts
