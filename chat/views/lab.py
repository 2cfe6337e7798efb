"""The search lab: one question through the three modes side by side, to see why an answer had the hits it had."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from chat.exceptions import ChatError
from chat.models import Collection, Embedder, PipelineConfig
from chat.models.conversation import Origin
from chat.rag.config import Hit, SearchMode
from chat.rag.recall import Recall, measure_recall
from chat.rag.search import is_relevant, search, uses_index
from chat.services.embedding import embed_query
from chat.services.knowledge import embedder_of

TONES = 8  # colours of lab.css for chunks; the letter tells them apart where a colour comes again
TOP_K_MAX = 50  # as in a pipeline config


class LabForm(forms.Form):
    """What to search; bound to the query string, so that a search can be bookmarked and sent to somebody."""

    q = forms.CharField(label="Question", max_length=settings.QUESTION_MAX_CHARS)
    collection = forms.ModelChoiceField(Collection.objects.all(), required=False, empty_label="All collections")
    embedder = forms.ModelChoiceField(Embedder.objects.all(), required=False, empty_label="As by default")
    k = forms.IntegerField(label="Hits", min_value=1, max_value=TOP_K_MAX, required=False)
    recall = forms.BooleanField(required=False)  # a link asks for it: it takes a second or two


@dataclass(frozen=True, slots=True)
class LabHit:
    """A hit with the mark that its chunk has in all columns, and its rank in the other columns."""

    hit: Hit
    letter: str
    tone: int
    url: str
    elsewhere: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """What one mode found. `best_similarity` is None where nothing was embedded; `error` is empty unless it failed."""

    mode: SearchMode
    hits: tuple[LabHit, ...]
    search_seconds: float | None
    is_relevant: bool
    best_similarity: float | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question in all modes; `embed_seconds` is None and `error` says why where it could not be embedded."""

    columns: tuple[Column, ...]
    min_similarity: float
    embed_seconds: float | None
    error: str
    uses_index: bool  # or else all vectors were scanned
    recall: Recall | None  # of the index; None: not measured


@login_required
@require_GET
def search_lab(request: HttpRequest) -> HttpResponse:
    """Show the form, and below it what the three modes find for `?q=`. Staff only: for others there is no such page."""
    if not request.user.is_staff:
        raise Http404
    config = PipelineConfig.objects.default()
    top_k = config.top_k if config else PipelineConfig().top_k
    # An address with a question alone is complete, and the form then says how many hits are shown.
    asked = {"k": str(top_k)} | request.GET.dict() if "q" in request.GET else None
    form = LabForm(asked, initial={"k": top_k})
    comparison = None
    if form.is_valid():
        embedder = form.cleaned_data["embedder"] or (config.embedder if config else Embedder.objects.first())
        comparison = embedder and compare(
            form.cleaned_data["q"],
            collection=form.cleaned_data["collection"],
            embedder=embedder,
            top_k=form.cleaned_data["k"] or top_k,
            min_similarity=(config or PipelineConfig()).min_similarity,
            with_recall=form.cleaned_data["recall"],
        )
    context = {"form": form, "comparison": comparison, "has_embedder": Embedder.objects.exists()}
    return render(request, "chat/lab.html", context, status=422 if form.errors else 200)


def compare(
    question: str,
    *,
    collection: Collection | None,
    embedder: Embedder,
    top_k: int,
    min_similarity: float,
    with_recall: bool = False,
) -> Comparison:
    """Search in each mode, timed. An embedder that fails leaves text search, as it does in the chat."""
    begun = time.perf_counter()
    vector, embed_seconds, error = None, None, ""
    try:
        vector = embed_query(embedder_of(embedder), question, origin=Origin.USER).vector.tolist()
        embed_seconds = time.perf_counter() - begun
    except ChatError as failure:
        error = str(failure)
    found: dict[SearchMode, tuple[list[Hit], float | None, str]] = {}
    for mode in SearchMode:
        begun = time.perf_counter()
        try:
            hits = search(
                question=question,
                query_vector=vector,
                mode=mode,
                collection_id=collection.pk if collection else None,
                embedder_id=embedder.pk,
                dimensions=embedder.dimensions,
                top_k=top_k,
            )
            found[mode] = hits, time.perf_counter() - begun, ""
        except ChatError as failure:
            found[mode] = [], None, str(failure)
    marked = _mark({mode: hits for mode, (hits, _, _) in found.items()})
    columns = [
        Column(
            mode=mode,
            hits=marked[mode],
            search_seconds=seconds,
            is_relevant=is_relevant(hits, min_similarity=min_similarity),
            best_similarity=max((hit.similarity for hit in hits if hit.similarity is not None), default=None),
            error=failure,
        )
        for mode, (hits, seconds, failure) in found.items()
    ]
    collection_id = collection.pk if collection else None
    indexed = uses_index(embedder.pk, collection_id)
    recall = None
    if indexed and with_recall:
        recall = measure_recall(embedder_id=embedder.pk, dimensions=embedder.dimensions, collection_id=collection_id)
    return Comparison(tuple(columns), min_similarity, embed_seconds, error, indexed, recall)


def _mark(found: dict[SearchMode, list[Hit]]) -> dict[SearchMode, tuple[LabHit, ...]]:
    """Give each chunk a letter and a colour in the order in which it is first met, and its ranks in the other modes."""
    ranks = {mode: {hit.chunk_id: hit.rank for hit in hits} for mode, hits in found.items()}
    numbers: dict[int, int] = {}
    for hit in (hit for hits in found.values() for hit in hits):
        numbers.setdefault(hit.chunk_id, len(numbers))

    def marked(mode: SearchMode, hits: Sequence[Hit]) -> tuple[LabHit, ...]:
        return tuple(
            LabHit(
                hit=hit,
                letter=_letters(numbers[hit.chunk_id]),
                tone=numbers[hit.chunk_id] % TONES,
                url=f"{reverse('chat:document', args=[hit.document_id])}?chunk={hit.chunk_id}#chunk-{hit.chunk_id}",
                elsewhere=tuple(
                    (other.value, ranks[other][hit.chunk_id])
                    for other in ranks
                    if other is not mode and hit.chunk_id in ranks[other]
                ),
            )
            for hit in hits
        )

    return {mode: marked(mode, hits) for mode, hits in found.items()}


def _letters(number: int) -> str:
    """0 is A, 25 is Z, 26 is AA."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
