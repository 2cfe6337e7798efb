"""Rows for tests: plain functions with sensible defaults; every argument may be overridden by name."""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model

from chat.models import (
    Chunk,
    Collection,
    Conversation,
    Document,
    Embedder,
    Embedding,
    Feedback,
    Hit,
    LLMCall,
    PipelineConfig,
    Turn,
)
from monitoring.models import (
    Dataset,
    DatasetItem,
    DatasetVersion,
    EvaluationItem,
    EvaluationRun,
    ItemScore,
    RelevantDocument,
)

LOCAL_EMBEDDER = "local/all-MiniLM-L6-v2"
LOCAL_DIMENSIONS = 384
PARAGRAPH = "Answers cite their sources. Each number opens the chunk that it comes from."

_numbers = count(1)  # makes names that must be unique differ


def make_user(**overrides: Any) -> Any:
    """Return a user; one who may sign in needs a `password`, whose hash takes time, so there is none by itself."""
    values = {"username": f"user-{next(_numbers)}", **overrides}
    return get_user_model()._default_manager.create_user(**values)


def make_collection(**overrides: Any) -> Collection:
    return Collection.objects.create(**{"name": f"Collection {next(_numbers)}", **overrides})


def make_embedder(**overrides: Any) -> Embedder:
    """Return the local embedder's row, or another by `name`; its index is not made (chat.services.knowledge does)."""
    values = {"name": LOCAL_EMBEDDER, "dimensions": LOCAL_DIMENSIONS, **overrides}
    return Embedder.objects.get_or_create(name=values.pop("name"), defaults=values)[0]


def make_document(texts: Sequence[str] = (PARAGRAPH,), **overrides: Any) -> Document:
    """Return a document that is ready, with one chunk for each text and no vectors; `texts=()`: no chunks."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "title": f"Document {number}",
        "source_id": f"document-{number}.md",
        "text": "\n\n".join(texts),
        "media_type": "text/markdown",
        "content_hash": _sha256("\n\n".join(texts)),
        "status": Document.Status.READY,
        **overrides,
    }
    if "collection" not in values:
        values["collection"] = make_collection()
    document = Document.objects.create(**values)
    start = 0
    for position, text in enumerate(texts):
        make_chunk(document=document, position=position, text=text, start=start)
        start += len(text) + 2
    return document


def make_chunk(**overrides: Any) -> Chunk:
    """Return a chunk; `document` makes its collection, title and place in the text, unless these are given."""
    document = overrides.pop("document", None) or make_document(texts=())
    text = overrides.setdefault("text", PARAGRAPH)
    start = overrides.setdefault("start", 0)
    values = {
        "collection": document.collection,
        "position": 0,
        "title": document.title,
        "heading_path": document.heading_path,
        "end": start + len(text),
        "content_hash": _sha256(text),
        "language": document.collection.language,
        **overrides,
    }
    return Chunk.objects.create(document=document, **values)


def make_embedding(
    *, chunk: Chunk, vector: Sequence[float] | None = None, embedder: Embedder | None = None
) -> Embedding:
    """Store a chunk's vector; without one, the first unit vector of the embedder's length."""
    embedder = embedder or make_embedder()
    vector = vector or [1.0] + [0.0] * (embedder.dimensions - 1)
    return Embedding.objects.create(chunk=chunk, embedder=embedder, collection=chunk.collection, vector=vector)


def make_config(**overrides: Any) -> PipelineConfig:
    values = {"name": f"config-{next(_numbers)}", "model": "offline/extractive", **overrides}
    if "embedder" not in values:
        values["embedder"] = make_embedder()
    return PipelineConfig.objects.create(**values)


def make_conversation(**overrides: Any) -> Conversation:
    """Return a conversation without turns; `user` is made unless it is given (None is kept)."""
    values = {"title": "How do citations work?", **overrides}
    if "user" not in values:
        values["user"] = make_user()
    return Conversation.objects.create(**values)


def make_turn(**overrides: Any) -> Turn:
    """Return an answered turn; the next of its `conversation`, unless `position` is given."""
    values: dict[str, Any] = {
        "question": "How do citations work?",
        "answer": "Each number opens the chunk that it comes from [1].",
        "status": Turn.Status.DONE,
        "search_mode": "hybrid",
        "model": "offline/extractive",
        "nothing_found": False,
        "removed_citations": 0,
        "total_seconds": 1.5,
        **overrides,
    }
    if "conversation" not in values:
        values["conversation"] = make_conversation()
    if "config" not in values:
        values["config"] = make_config()
    conversation = values["conversation"]
    values.setdefault("position", conversation.turns.current().count() + 1)
    values.setdefault("origin", conversation.origin)
    values.setdefault("collection", conversation.collection)
    return Turn.objects.create(**values)


def make_hit(**overrides: Any) -> Hit:
    """Return a hit at the next rank of its `turn`, copied from `chunk` (None: the document is gone)."""
    values: dict[str, Any] = {"score": 0.03, "text_rank": 1, "text_score": 0.4, "vector_rank": 1, "similarity": 0.7}
    values |= overrides
    if "turn" not in values:
        values["turn"] = make_turn()
    if "chunk" not in values:
        values["chunk"] = make_chunk()
    chunk = values["chunk"]
    if chunk is not None:
        values = {
            "document": chunk.document,
            "document_title": chunk.title,
            "heading_path": chunk.heading_path,
            "text": chunk.text,
            **values,
        }
    values = {"rank": values["turn"].hits.count() + 1, "document_title": "A document", "text": PARAGRAPH, **values}
    return Hit.objects.create(**values)


def make_call(**overrides: Any) -> LLMCall:
    """Return a model's answering call with known tokens and cost."""
    values: dict[str, Any] = {
        "purpose": "answer",
        "model": "openai/gpt-4o-mini",
        "prompt_name": "answer_v1",
        "input_tokens": 1000,
        "cached_input_tokens": 0,
        "output_tokens": 200,
        "input_usd_per_million": Decimal("0.15"),
        "output_usd_per_million": Decimal("0.60"),
        "cost_usd": Decimal("0.00027"),
        "duration_seconds": 1.2,
        "first_token_seconds": 0.3,
        "finish_reason": "stop",
        **overrides,
    }
    if "turn" not in values:
        values["turn"] = make_turn()
    return LLMCall.objects.create(**values)


def make_feedback(**overrides: Any) -> Feedback:
    """Return thumbs up by the owner of the turn's conversation."""
    values: dict[str, Any] = {"value": Feedback.Value.UP, **overrides}
    if "turn" not in values:
        values["turn"] = make_turn()
    if "user" not in values:
        values["user"] = values["turn"].conversation.user
    return Feedback.objects.create(**values)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_dataset(**overrides: Any) -> Dataset:
    """Return a dataset with its first version."""
    dataset = Dataset.objects.create(**{"name": f"dataset-{next(_numbers)}", **overrides})
    DatasetVersion.objects.create(dataset=dataset, number=1)
    return dataset


def make_item(relevant: Sequence[Document] = (), **overrides: Any) -> DatasetItem:
    """Return an item of version 1 in the split TEST, whose answer stands in the documents `relevant`."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "added_in": 1,
        "split": DatasetItem.Split.TEST,
        "question": f"What is number {number}?",
        "cluster": relevant[0].source_id if relevant else f"cluster-{number}",
        "collection": relevant[0].collection if relevant else None,
        "source": DatasetItem.Source.IMPORTED,
        "content_hash": _sha256(str(number)),
        **overrides,
    }
    if "dataset" not in values:
        values["dataset"] = make_dataset()
    item = DatasetItem.objects.create(**values)
    RelevantDocument.objects.bulk_create(
        RelevantDocument(item=item, document=document, source_id=document.source_id) for document in relevant
    )
    return item


def make_run(**overrides: Any) -> EvaluationRun:
    """Return a finished retrieval run without items."""
    values: dict[str, Any] = {
        "version": 1,
        "split": DatasetItem.Split.TEST,
        "kind": EvaluationRun.Kind.RETRIEVAL,
        "status": EvaluationRun.Status.DONE,
        "total_items": 0,
        **overrides,
    }
    if "dataset" not in values:
        values["dataset"] = make_dataset()
    if "config" not in values:
        values["config"] = make_config()
    return EvaluationRun.objects.create(**values)


def make_evaluation_item(scores: Mapping[str, float | None] | None = None, **overrides: Any) -> EvaluationItem:
    """Return a finished item of a run with its scores by name; None: unscored."""
    if "run" not in overrides:
        overrides["run"] = make_run()
    if "item" not in overrides:
        overrides["item"] = make_item(dataset=overrides["run"].dataset)
    row = EvaluationItem.objects.create(**overrides)
    ItemScore.objects.bulk_create(
        ItemScore(evaluation_item=row, name=name, value=value, error="" if value is not None else "no verdict")
        for name, value in (scores or {}).items()
    )
    return row
