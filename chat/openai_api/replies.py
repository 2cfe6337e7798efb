"""A finished turn in OpenAI's shapes: whole, or as the chunks of a stream, with what only this site knows under
`ragsite`. What is not known is null."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from chat.models import Hit, LLMCall, Turn
from chat.rag.config import Purpose
from chat.services.offers import name_of
from chat.streamed_lines import on_one_line

EXCERPT_CHARS = 500
FINISH_REASONS = {"length", "content_filter"}  # any other end is a "stop"
DONE = "data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """What all parts of one reply have in common."""

    turn_id: int
    created: int
    model: str  # as it was asked for
    fingerprint: str  # config and version that answer
    ignored: tuple[str, ...]

    @classmethod
    def to(cls, turn: Turn, *, model: str, ignored: tuple[str, ...]) -> "Reply":
        """Return the frame of the reply with a turn's answer; reads its config."""
        return cls(turn.pk, int(turn.created_at.timestamp()), model, name_of(turn.config), ignored)

    def whole(self, turn: Turn) -> dict[str, Any]:
        """Return the reply to a request that is not streamed; reads hits and calls."""
        message = {"role": "assistant", "content": turn.answer, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(turn)}
        body = {**self._head("chat.completion"), "choices": [choice], "usage": usage_of(turn.calls.all())}
        return body | {"ragsite": self.details(turn)}

    def chunk(self, delta: dict[str, str], finish: str | None = None, **more: Any) -> str:
        """Return a piece of a stream."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**self._head("chat.completion.chunk"), "choices": [choice], **more})

    def usage_chunk(self, turn: Turn) -> str:
        """Return the piece of a stream that has no text but the tokens."""
        return event({**self._head("chat.completion.chunk"), "choices": [], "usage": usage_of(turn.calls.all())})

    def details(self, turn: Turn) -> dict[str, Any]:
        """Return what only this site knows; reads hits and calls."""
        answering = _answering(turn.calls.all())
        return {
            "turn_id": turn.pk,
            "conversation_id": str(turn.conversation_id),
            "status": turn.status,
            "citations": [citation(hit) for hit in turn.hits.all() if hit.is_cited],
            "nothing_found": turn.nothing_found,
            "degraded": turn.degraded,
            "ignored": list(self.ignored),
            "usage_is_estimated": any(call.tokens_estimated for call in answering),
        }

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.turn_id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }


def event(body: dict[str, Any]) -> str:
    """Return an object as an event of a stream."""
    return f"data: {on_one_line(json.dumps(body, ensure_ascii=False, separators=(',', ':')))}\n\n"


def citation(hit: Hit) -> dict[str, Any]:
    """Return a source that the answer cites by its number."""
    url = None
    if hit.document_id:
        query = f"?chunk={hit.chunk_id}" if hit.chunk_id else ""
        url = f"{settings.PUBLIC_URL.rstrip('/')}{reverse('chat:document', args=[hit.document_id])}{query}"
    return {
        "number": hit.rank,
        "document": hit.document_id,
        "title": hit.document_title,
        "heading": hit.heading_path,
        "url": url,
        "text": hit.text[:EXCERPT_CHARS],
        "score": hit.score,
    }


def finish_reason(turn: Turn) -> str:
    """Return why the answer ended, as the model said."""
    reasons = [call.finish_reason for call in turn.calls.all() if call.purpose == Purpose.ANSWER]
    return reasons[-1] if reasons and reasons[-1] in FINISH_REASONS else "stop"


def usage_of(calls: Iterable[LLMCall]) -> dict[str, Any] | None:
    """Return the tokens of the calls that wrote the answer. None where one of them was not counted: a sum with a hole
    is no sum. Where no model was asked, as by the offline answerer, it is known to be none."""
    answering = _answering(calls)
    given = _sum(call.input_tokens for call in answering)
    made = _sum(call.output_tokens for call in answering)
    if given is None or made is None:
        return None
    # Of an estimate it is not known what was cached and what was thought.
    cached = _sum(None if call.tokens_estimated else call.cached_input_tokens for call in answering)
    reasoning = _sum(call.reasoning_tokens for call in answering)
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": None if cached is None else {"cached_tokens": cached},
        "completion_tokens_details": None if reasoning is None else {"reasoning_tokens": reasoning},
    }


def _answering(calls: Iterable[LLMCall]) -> list[LLMCall]:
    """Return the calls that wrote the answer; one that failed before anything was counted, so that another model was
    asked, took no part in it."""
    answering = [call for call in calls if call.purpose == Purpose.ANSWER]
    return [call for call in answering if not (call.error_code and call.input_tokens is None)] or answering


def _sum(numbers: Iterable[int | None]) -> int | None:
    found: Sequence[int | None] = list(numbers)
    return None if None in found else sum(number for number in found if number is not None)
