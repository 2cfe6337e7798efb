"""What synthetic users ask and read: questions made from the knowledge base without a model, with answers that its
chunks give. A topic is a document; the items of a topic are questions to it."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chat.models import Chunk, Document
from chat.rag.llm import estimate_tokens
from chat.rag.passages import split_pieces
from monitoring.exceptions import TrafficError
from monitoring.synthetic.passages import Passage
from monitoring.synthetic.rarity import Rarity
from monitoring.synthetic.templates import template_questions
from monitoring.synthetic.traffic.arrays import Ints

TOPICS_MAX = 40
ITEMS_PER_TOPIC = 12
# Chunks of a document that are read: enough for its questions, also of a book.
CHUNKS_PER_TOPIC = 30
# A hit of a synthetic turn shows the beginning of its chunk: whole chunks, five to a turn, would be most of the data.
HIT_CHARS = 200
ANSWER_CHARS = 500
HITS = 3
REFUSAL = "I found nothing in the documents that answers this question."


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk as a hit shows it."""

    chunk_id: int
    document_id: int
    title: str
    heading_path: str
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """A question, and answers of three kinds: good; with a sentence that no hit supports; to another question. The
    answer cites the hits up to rank `cited`."""

    topic: int
    collection_id: int
    question: str
    answers: tuple[str, str, str]
    hits: tuple[Found, ...]
    cited: int


@dataclass(frozen=True, slots=True)
class Library:
    """Everything that is asked, and its numbers as arrays: one for each item, or topic."""

    topics: tuple[str, ...]
    items: tuple[Item, ...]
    first_item: Ints  # of each topic
    item_count: Ints
    collection_ids: Ints  # of each topic
    question_tokens: Ints
    answer_tokens: Ints  # shape (3, items)
    hit_tokens: Ints  # of all hits of an item
    hit_count: Ints
    cited: Ints


def read_library(*, seed: int) -> Library:
    """Make questions from up to TOPICS_MAX documents, the same for the same knowledge base and seed. Two queries.

    Raises TrafficError when no document says enough.
    """
    rng = random.Random(seed)  # noqa: S311 # no secret
    ids = list(Document.objects.filter(chunks__isnull=False).distinct().order_by("pk").values_list("pk", flat=True))
    chosen = sorted(rng.sample(ids, min(len(ids), TOPICS_MAX)))
    chunks = _chunks_of(chosen)
    rarity = Rarity(chunk.text for rows in chunks.values() for chunk in rows)
    drafts = [draft for rows in chunks.values() if (draft := _draft(rows, rarity, rng))]
    if not drafts:
        raise TrafficError(
            "There are no documents that questions can be made from. Add some first: by manage.py ingest FOLDER,"
            " or by upload under Documents in the admin."
        )
    return _library(drafts)


@dataclass(frozen=True, slots=True)
class _Draft:
    title: str
    collection_id: int
    asked: tuple[tuple[str, str, str, tuple[Found, ...], int], ...]  # question, answer, a sentence of it, hits, cited


def _chunks_of(document_ids: Sequence[int]) -> dict[int, list[Chunk]]:
    found: dict[int, list[Chunk]] = {}
    rows = Chunk.objects.filter(document__in=document_ids, position__lt=CHUNKS_PER_TOPIC)
    for chunk in rows.order_by("document", "position").defer("search_vector"):
        found.setdefault(chunk.document_id, []).append(chunk)
    return found


def _draft(chunks: Sequence[Chunk], rarity: Rarity, rng: random.Random) -> _Draft | None:
    """Return the questions to one document; None when it says too little."""
    passages = [
        Passage(chunk.document_id, chunk.title, chunk.heading_path, chunk.text, chunk.start, chunk.end)
        for chunk in chunks
    ]
    asked = []
    for question, place in _questions(passages, rarity, rng):
        near = [chunks[place], *chunks[place + 1 : place + 2], *chunks[max(place - 1, 0) : place]]
        hits = tuple(_found(chunk) for chunk in near[:HITS])
        sentences = _sentences(near[0].text) or [hits[0].text]
        second = _sentences(near[1].text)[:1] if len(near) > 1 and rng.random() < 0.4 else []
        answer = " ".join([f"{_cut(' '.join(sentences[:3]))} [1]", *(f"{_cut(text)} [2]" for text in second)])
        asked.append((_cut(question), answer, _cut(sentences[0]), hits, 1 + len(second)))
    return _Draft(chunks[0].title, chunks[0].collection_id, tuple(asked)) if asked else None


def _questions(passages: Sequence[Passage], rarity: Rarity, rng: random.Random) -> Iterator[tuple[str, int]]:
    """Yield questions to a document, each with the place of the passage that answers it: headings that are questions
    as they are, as most people ask them, then what the templates make."""
    headings = {passage.heading: place for place, passage in reversed(list(enumerate(passages)))}
    asked = [(heading, place) for heading, place in headings.items() if heading.endswith("?")][:ITEMS_PER_TOPIC]
    yield from asked
    places = {passage.start: place for place, passage in enumerate(passages)}
    count = max(ITEMS_PER_TOPIC - len(asked), ITEMS_PER_TOPIC // 3)
    for written in template_questions(passages, count=count, rarity=rarity, rng=rng):
        yield written.question, places[written.spans[0][1] or 0]


def _library(drafts: Sequence[_Draft]) -> Library:
    flat = [(topic, draft, asked) for topic, draft in enumerate(drafts) for asked in draft.asked]
    items = []
    for place, (topic, draft, (question, answer, _, hits, cited)) in enumerate(flat):
        # half the way round: another document's, where there is more than one
        _, _, (_, elsewhere, foreign, _, _) = flat[(place + (len(flat) + 1) // 2) % len(flat)]
        items.append(
            Item(topic, draft.collection_id, question, (answer, f"{answer} {foreign}", elsewhere), hits, cited)
        )
    counts = np.asarray([len(draft.asked) for draft in drafts], np.int64)
    return Library(
        topics=tuple(draft.title for draft in drafts),
        items=tuple(items),
        first_item=np.cumsum(counts) - counts,
        item_count=counts,
        collection_ids=np.asarray([draft.collection_id for draft in drafts], np.int64),
        question_tokens=np.asarray([estimate_tokens(item.question) for item in items], np.int64),
        answer_tokens=np.asarray([[estimate_tokens(item.answers[kind]) for item in items] for kind in range(3)]),
        hit_tokens=np.asarray([sum(estimate_tokens(hit.text) + 12 for hit in item.hits) for item in items], np.int64),
        hit_count=np.asarray([len(item.hits) for item in items], np.int64),
        cited=np.asarray([item.cited for item in items], np.int64),
    )


def _found(chunk: Chunk) -> Found:
    text = chunk.text if len(chunk.text) <= HIT_CHARS else f"{chunk.text[:HIT_CHARS].rstrip()} …"
    return Found(chunk.pk, chunk.document_id, chunk.title, chunk.heading_path, text)


def _sentences(text: str) -> list[str]:
    return [" ".join(piece.text.split()) for piece in split_pieces(text) if not piece.ends_in_block]


def _cut(text: str) -> str:
    return text if len(text) <= ANSWER_CHARS else f"{text[:ANSWER_CHARS].rsplit(maxsplit=1)[0]} …"
