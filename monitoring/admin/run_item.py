"""One question of a dataset, and what one or several runs made of it: rankings side by side, with what is relevant
marked, and answers with their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from chat.admin.transcript import TranscriptTurn, rendered
from chat.models import Chunk, Document
from monitoring.admin.measure_names import measure_label
from monitoring.admin.run_page import page_context, runs_asked_for
from monitoring.evaluation.results import in_order
from monitoring.models import DatasetItem, EvaluationItem, EvaluationRun, ItemScore, RelevantDocument


@dataclass(frozen=True, slots=True)
class RankedHit:
    """A hit as it was ranked. `chunk` and `document` are None where they are gone; `grade` is its relevance, 0: none;
    `elsewhere` says where the other runs have it; `is_cut`: from this one on, hits do not count in measures."""

    rank: int
    score: float
    grade: int
    chunk: Chunk | None
    document: Document | None
    url: str
    elsewhere: tuple[str, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Column:
    """What a run made of the question; `row` is None where it has not asked it."""

    run: EvaluationRun
    row: EvaluationItem | None
    hits: tuple[RankedHit, ...]
    scores: tuple[tuple[str, ItemScore], ...]  # with their labels
    answer: TranscriptTurn | None
    repetitions: tuple[int, ...]

    @property
    def found_at(self) -> int | None:
        """The rank of the first relevant hit."""
        return next((hit.rank for hit in self.hits if hit.grade), None)


@permission_required("monitoring.view_evaluationrun", raise_exception=True)
@require_GET
def item_view(request: HttpRequest, item_id: int) -> HttpResponse:
    """Show a question with the runs `?run=…&run=…` beside each other; `?repetition=2` shows how they did then."""
    items = DatasetItem.objects.with_relevant().select_related("dataset", "source_turn")
    item = get_object_or_404(items, pk=item_id)
    runs = runs_asked_for(request)
    if not runs or any(run.dataset_id != item.dataset_id for run in runs):
        raise Http404("No run on this question is named.")
    repetition = int(number) if (number := request.GET.get("repetition", "")).isdecimal() else 1
    context = {
        **page_context(request, "Question", run=runs[0]),
        "item": item,
        "relevant": [(row, _relevant_url(row)) for row in item.relevant.select_related("document").order_by("pk")],
        "columns": columns_of(item, runs, repetition=repetition),
        "repetition": repetition,
        "query": "&".join(f"run={run.pk}" for run in runs),
    }
    return render(request, "admin/monitoring/evaluationrun/item.html", context)


def columns_of(item: DatasetItem, runs: Sequence[EvaluationRun], *, repetition: int = 1) -> list[Column]:
    """Return what each run made of an item, in the order of `runs`. Six queries, however many runs and hits."""
    found = EvaluationItem.objects.filter(item=item, run__in=runs).select_related("turn__conversation")
    found = found.prefetch_related("scores", "turn__hits").order_by("run", "repetition")
    rows: dict[int, list[EvaluationItem]] = {}
    for row in found:
        rows.setdefault(row.run_id, []).append(row)
    shown = {
        pk: next((row for row in of_run if row.repetition == repetition), of_run[0]) for pk, of_run in rows.items()
    }
    chunk_ids = {chunk_id for row in shown.values() for chunk_id in row.chunk_ids}
    chunks = Chunk.objects.in_bulk(chunk_ids)
    document_ids = {document_id for row in shown.values() for document_id in row.document_ids}
    documents = Document.objects.defer("text", "metadata").in_bulk(document_ids)
    places = {
        run.pk: (str(run.config), {chunk_id: rank for rank, chunk_id in enumerate(shown[run.pk].chunk_ids, start=1)})
        for run in runs
        if run.pk in shown
    }
    columns = []
    for run in runs:
        made = shown.get(run.pk)
        others = [place for pk, place in places.items() if pk != run.pk]
        columns.append(
            Column(
                run=run,
                row=made,
                hits=_hits(made, chunks, documents, others, k=run.k) if made else (),
                scores=_scores(made) if made else (),
                answer=rendered(made.turn) if made and made.turn else None,
                repetitions=tuple(other.repetition for other in rows.get(run.pk, [])),
            )
        )
    return columns


def _hits(
    row: EvaluationItem,
    chunks: Mapping[int, Chunk],
    documents: Mapping[int, Document],
    others: Sequence[tuple[str, Mapping[int, int]]],
    *,
    k: int,
) -> tuple[RankedHit, ...]:
    ranked = zip(row.chunk_ids, row.document_ids, row.hit_scores, row.chunk_grades, strict=True)
    return tuple(
        RankedHit(
            rank=rank,
            score=score,
            grade=grade,
            chunk=chunks.get(chunk_id),
            document=documents.get(document_id),
            url=_passage_url(document_id, chunk_id) if document_id in documents else "",
            elsewhere=tuple(f"{name}: {_place(ranks.get(chunk_id))}" for name, ranks in others),
            is_cut=rank == k + 1,
        )
        for rank, (chunk_id, document_id, score, grade) in enumerate(ranked, start=1)
    )


def _scores(row: EvaluationItem) -> tuple[tuple[str, ItemScore], ...]:
    by_name = {score.name: score for score in row.scores.all()}
    return tuple((measure_label(name), by_name[name]) for name in in_order(by_name))


def _place(rank: int | None) -> str:
    return f"rank {rank}" if rank else "not found"


def _passage_url(document_id: int, chunk_id: int) -> str:
    return f"{reverse('chat:document', args=[document_id])}?chunk={chunk_id}#chunk-{chunk_id}"


def _relevant_url(row: RelevantDocument) -> str:
    """Return where a relevant document can be read; empty: it is gone."""
    return reverse("chat:document", args=[row.document_id]) if row.document_id else ""
