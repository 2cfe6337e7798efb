"""The shape of an exported turn: each field with its kind. Written and read by it, and described in docs/exports.md.

A field is only ever added: what takes one away, or changes what it means, makes the next version of the schema.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from chat.models.conversation import Origin
from chat.models.feedback import ImplicitSignal, Reason
from chat.models.llm_call import LLMCall
from chat.models.turn import Turn
from chat.rag.config import ContextSize, FusionMethod, Reranker, SearchMode
from chat.trace_context import read_traceparent
from monitoring.models import Flag, JudgeVersion, ReviewItem, Score

SCHEMA = "ragsite.turn/1"


class Kind(Enum):
    """What a field holds, as people read it in the documents."""

    TEXT = "text"
    COUNT = "whole number"
    NUMBER = "number"
    USD = "dollars"  # 8 digits after the point
    PRICE = "dollars per million tokens"  # 6 digits after the point
    FLAG = "true or false"
    TIME = "time"  # UTC
    JSON = "object, or list of objects with fields"
    TEXTS = "list of texts"
    ONE = "object with fields"
    MANY = "list of objects"


@dataclass(frozen=True, slots=True)
class Field:
    """`needed`: an import refuses a row without it. `personal`: what people or models wrote, left out of an export
    without texts. `most`: the longest text, or the largest number; `form`: returns a text as it is stored, "" for one
    that cannot be. `fields` of JSON: those of the objects in a list; None: it is one object, of any."""

    kind: Kind
    needed: bool = False
    personal: bool = False
    choices: tuple[str, ...] = ()
    most: int = 0
    least: float | None = None
    form: Callable[[str], str] | None = None
    fields: "Mapping[str, Field] | None" = None


SMALL, LARGE = 32_767, 2_147_483_647  # what the columns hold
# What goes on counting here after an import has room left in its column.
FEW, MANY = 10_000, 1_000_000
MOST_SECONDS = 1_000_000  # 11 days
# Of figures of any scale. Sums and squares of it are far from the largest number that a column holds.
MOST_NUMBER = 10**12


def _text(most: int = 0, **options: Any) -> Field:
    return Field(Kind.TEXT, most=most, **options)


def _word(values: Any, *, needed: bool = True) -> Field:
    return Field(Kind.TEXT, needed=needed, choices=tuple(str(value) for value in values))


def _count(most: int = LARGE, *, needed: bool = False, least: int = 0) -> Field:
    return Field(Kind.COUNT, most=most, needed=needed, least=least)


def _seconds(*, needed: bool = False) -> Field:
    return Field(Kind.NUMBER, needed=needed, least=0, most=MOST_SECONDS)


NUMBER = Field(Kind.NUMBER, least=-MOST_NUMBER, most=MOST_NUMBER)
COSINE = Field(Kind.NUMBER, least=-1, most=1)
USD, PRICE = Field(Kind.USD, least=0), Field(Kind.PRICE, least=0)
FLAG, TIME = Field(Kind.FLAG), Field(Kind.TIME)
USER = {"id": _count(), "name": _text(150)}
# All that makes a config answer as it does; its name says nothing on another site.
CONFIG = {
    "name": _text(60, needed=True),
    "version": _count(MANY, needed=True, least=1),
    "search_mode": _word(SearchMode, needed=False),
    "embedder": _text(200),
    "top_k": _count(50, least=1),
    "fusion": _word(FusionMethod, needed=False),
    "text_weight": Field(Kind.NUMBER, least=0, most=1),
    "query_count": _count(5, least=1),
    "max_per_document": _count(SMALL),
    "rerank": _word([Reranker.LLM, Reranker.LOCAL], needed=False),
    "rerank_depth": _count(50, least=2),
    "rerank_model": _text(200),
    "context": _word(ContextSize, needed=False),
    "model": _text(200),
    "fallback_model": _text(200),
    "prompt": _text(60),
    "temperature": NUMBER,
    "max_output_tokens": _count(),
    "min_similarity": COSINE,
    "rewrite": FLAG,
}
# Where a conversation stands in the queue of reviews; what was decided is told with each of its turns.
REVIEW_ITEM = {
    "status": _word(ReviewItem.Status.values),
    "priority": Field(Kind.NUMBER, least=0, most=MOST_NUMBER),
    "reviews_wanted": _count(2, needed=True, least=1),
    "round": _count(MANY, needed=True, least=1),
    "opened_at": Field(Kind.TIME, needed=True),
    "resolved_at": TIME,
}
CONVERSATION = {
    "id": _text(36, needed=True),
    "title": _text(200, personal=True),
    "collection": _text(200),
    "search_mode": _word(SearchMode, needed=False),
    "model": _text(200),
    "import_source": _text(100),
    "created_at": TIME,
    "updated_at": TIME,
    "deleted_at": TIME,
    "review_item": Field(Kind.ONE, fields=REVIEW_ITEM),
}
HIT = {
    "rank": _count(SMALL, needed=True, least=1),
    "search_rank": _count(SMALL, least=1),
    "document": _text(500),
    "document_collection": _text(200),
    "title": _text(500, personal=True),
    "heading_path": _text(1000, personal=True),
    "text": _text(personal=True),
    "score": NUMBER,
    "text_rank": _count(least=1),
    "text_score": NUMBER,
    "vector_rank": _count(least=1),
    "similarity": COSINE,
    "is_cited": FLAG,
}
# Those that made the answer; what judged it stands apart, and is no part of what the answer cost.
PURPOSES = [purpose for purpose in LLMCall.CallPurpose.values if purpose not in ("judge", "question")]
CALL = {
    "purpose": _word(PURPOSES),
    "model": _text(200, needed=True),
    "response_model": _text(200),
    "prompt_name": _text(60),
    "prompt_sha256": _text(64),
    "input_tokens": _count(),
    "cached_input_tokens": _count(),
    "output_tokens": _count(),
    "reasoning_tokens": _count(),
    "tokens_estimated": FLAG,
    "input_usd_per_million": PRICE,
    "output_usd_per_million": PRICE,
    "cached_input_usd_per_million": PRICE,
    "cost_usd": USD,
    "duration_seconds": _seconds(needed=True),
    "first_token_seconds": _seconds(),
    "attempts": _count(FEW),
    "finish_reason": _text(40),
    "request_id": _text(200),
    "response_id": _text(200),
    "error_code": _text(40),
    "created_at": TIME,
}
JUDGE_CALL = CALL | {"purpose": _word([LLMCall.CallPurpose.JUDGE])}
FEEDBACK = {
    "user": Field(Kind.ONE, fields=USER),
    "value": Field(Kind.COUNT, needed=True, choices=("1", "-1"), least=-1, most=1),
    "reasons": Field(Kind.TEXTS, choices=tuple(Reason.values)),
    "comment": _text(2000, personal=True),
    "created_at": TIME,
    "updated_at": TIME,
}
SIGNAL = {
    "user": Field(Kind.ONE, fields=USER),
    "kind": _word(ImplicitSignal.Kind.values),
    "created_at": TIME,
}
JUDGE = {
    "name": _text(60, needed=True),
    "criterion": _text(60, needed=True),
    "version": _text(40, needed=True),
    "family": _word(JudgeVersion.Family.values),
    "model": _text(200),
    "prompt_name": _text(60),
    "prompt_sha256": _text(64),
    "settings": Field(Kind.JSON),
    "fingerprint": _text(64, needed=True),
}
SCORE = {
    "name": _text(60, needed=True),
    "source": _word(Score.Source.values),
    "of_conversation": FLAG,
    "value": Field(Kind.NUMBER, least=0, most=1),
    "label": _text(40),
    "explanation": _text(personal=True),
    "details": Field(Kind.JSON, personal=True),
    "error": _text(500),
    "judge": Field(Kind.ONE, fields=JUDGE),
    "reviewer": Field(Kind.ONE, fields=USER),
    "author": Field(Kind.ONE, fields=USER),
    "identifier": _text(100),
    "annotator_kind": _word(Score.Annotator.values, needed=False),
    "attempts": _count(FEW),
    "calls": _count(FEW),
    "cost_usd": USD,
    "duration_seconds": _seconds(),
    "created_at": TIME,
    "updated_at": TIME,
}
FLAG_RAISED = {
    "reason": _word(Flag.Reason.values),
    "detail": _text(300, personal=True),
    "score": _count(least=1),  # the verdict that it rests on: its place in `scores`, 1 is the first
    "is_advisory": FLAG,
    "weight": Field(Kind.NUMBER, least=1, most=MOST_NUMBER),
    "created_at": TIME,
    "settled_at": TIME,
}
REVIEW = {
    "reviewer": Field(Kind.ONE, fields=USER),
    "round": _count(MANY, needed=True, least=1),
    "is_dismissed": FLAG,
    "labels": Field(Kind.JSON),  # of this turn, as in `scores`, which an import reads
    "correction": _text(personal=True),  # of this turn
    "note": _text(personal=True),
    "created_at": TIME,
    "decided_at": Field(Kind.TIME, needed=True),
}
EXCHANGE = {"question": _text(), "answer": _text()}
FINISHED = [status for status in Turn.Status.values if status not in ("PENDING", "STREAMING")]
TURN: Mapping[str, Field] = {
    "schema": _word([SCHEMA]),
    "id": _text(200, needed=True),
    "conversation": Field(Kind.ONE, needed=True, fields=CONVERSATION),
    "position": _count(MANY, needed=True, least=1),
    "is_current": FLAG,
    "replaces": _text(200),
    "user": Field(Kind.ONE, fields=USER),
    "origin": _word(Origin.values),
    "status": _word(FINISHED),
    "question": _text(personal=True),
    "answer": _text(personal=True),
    "search_query": _text(personal=True),
    "given_history": Field(Kind.JSON, personal=True, fields=EXCHANGE),
    "config": Field(Kind.ONE, needed=True, fields=CONFIG),
    "collection": _text(200),
    "search_mode": _word(SearchMode, needed=False),
    "model": _text(200, needed=True),
    "prompt_name": _text(60),
    "prompt_sha256": _text(64),
    "nothing_found": FLAG,
    "removed_citations": _count(),
    "hit_count": _count(SMALL),
    "cited_count": _count(SMALL),
    "top_similarity": COSINE,
    "degraded": _text(300),
    "error_code": _text(40),
    "error_message": _text(personal=True),
    "traceparent": _text(55, form=read_traceparent),
    "rewrite_seconds": _seconds(),
    "expand_seconds": _seconds(),
    "embed_seconds": _seconds(),
    "search_seconds": _seconds(),
    "rerank_seconds": _seconds(),
    "context_seconds": _seconds(),
    "first_token_seconds": _seconds(),
    "total_seconds": _seconds(),
    "cost_usd": USD,
    "created_at": Field(Kind.TIME, needed=True),
    "started_at": TIME,
    "finished_at": TIME,
    "hits": Field(Kind.MANY, fields=HIT),
    "calls": Field(Kind.MANY, fields=CALL),
    "feedback": Field(Kind.MANY, fields=FEEDBACK),
    "signals": Field(Kind.MANY, fields=SIGNAL),
    "scores": Field(Kind.MANY, fields=SCORE),
    "judge_calls": Field(Kind.MANY, fields=JUDGE_CALL),
    "flags": Field(Kind.MANY, fields=FLAG_RAISED),
    "reviews": Field(Kind.MANY, fields=REVIEW),
}
