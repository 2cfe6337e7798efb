"""Texts of a turn in the form of the semantic conventions, for those who asked for them; and the list of documents,
which has none unless they did. Lists are JSON, since an attribute of a span holds no structure."""

import json
from collections.abc import Sequence
from typing import Any

from opentelemetry.util.types import AttributeValue

from chat.exceptions import ChatError
from chat.models import Hit, LLMCall, Turn
from chat.rag.config import ContextSize, Prompt
from chat.rag.config import Hit as FoundHit
from chat.rag.context import widen
from chat.rag.prompt import SOURCES_MAX_CHARS, answer_prompt
from chat.services.answering import prepare
from monitoring.telemetry import names
from monitoring.telemetry.calls import known


def of_turn(turn: Turn) -> dict[str, AttributeValue]:
    """Return the question and the answer; nothing where the conversation was deleted."""
    if not turn.question:
        return {}
    return known(
        {
            names.INPUT_MESSAGES: as_json([_message("user", turn.question)]),
            names.OUTPUT_MESSAGES: _answer(turn, ""),
            names.ERROR_MESSAGE: turn.error_message,
        }
    )


def of_answer(turn: Turn, call: LLMCall) -> dict[str, AttributeValue]:
    """Return what the model was sent and what became of its reply: the answer, without citations of hits that do not
    exist. The prompt is made again from the same stored pieces; where a piece is gone or another, it is left out."""
    prompt = _prompt_of(turn, call)
    messages = prompt.messages if prompt else ()
    system = [{"type": "text", "content": message.content} for message in messages if message.role == "system"]
    others = [_message(message.role, message.content) for message in messages if message.role != "system"]
    return known(
        {
            names.SYSTEM_INSTRUCTIONS: as_json(system) if system else None,
            names.INPUT_MESSAGES: as_json(others) if others else None,
            names.OUTPUT_MESSAGES: _answer(turn, call.finish_reason),
        }
    )


def documents(hits: Sequence[Hit], *, with_text: bool) -> str | None:
    """Return the hits: ids of document and chunk, rank and score; with text also title, headings and text."""
    if not hits:
        return None
    listed = []
    for hit in hits:
        about: dict[str, Any] = {
            "id": None if hit.document_id is None else str(hit.document_id),
            "score": hit.score,
            "chunk_id": hit.chunk_id,
            "rank": hit.rank,
            "is_cited": hit.is_cited,
        }
        if with_text:
            about |= {"title": hit.document_title, "heading": hit.heading_path, "content": hit.text}
        listed.append(about)
    return as_json(listed)


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _answer(turn: Turn, finish_reason: str) -> str | None:
    if not turn.answer:
        return None
    reason = {"finish_reason": finish_reason} if finish_reason else {}
    return as_json([{**_message("assistant", turn.answer), **reason}])


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _prompt_of(turn: Turn, call: LLMCall) -> Prompt | None:
    if not turn.question:
        return None
    try:
        request, _ = prepare(turn.pk)
    except ChatError:  # such as an embedder that is not set up any more
        return None
    hits: Sequence[FoundHit] = [_found(hit) for hit in turn.hits.order_by("rank") if hit.chunk_id and hit.document_id]
    if len(hits) != turn.hit_count:
        return None
    if request.recipe.context is not ContextSize.CHUNK:
        hits = widen(hits, size=request.recipe.context, max_chars=SOURCES_MAX_CHARS)
    prompt = answer_prompt(request.recipe.prompt, question=turn.question, hits=hits, history=request.history)
    return prompt if (prompt.name, prompt.sha256) == (call.prompt_name, call.prompt_sha256) else None


def _found(hit: Hit) -> FoundHit:
    return FoundHit(
        rank=hit.rank,
        score=hit.score or 0.0,  # of a chunk of ours it is known
        chunk_id=hit.chunk_id or 0,
        document_id=hit.document_id or 0,
        document_title=hit.document_title,
        heading_path=hit.heading_path,
        text=hit.text,
    )
