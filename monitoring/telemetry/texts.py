"""Texts of a turn and of calls in the form of the semantic conventions, for those who asked for them; and the list of
documents, which has none unless they did. Lists are JSON, since an attribute of a span holds no structure."""

import json
from collections.abc import Sequence
from typing import Any

from opentelemetry.util.types import AttributeValue

from chat.models import Hit, Turn
from chat.rag.config import LLMCall
from monitoring.telemetry import names
from monitoring.telemetry.calls import known

# Why an answer ended; whatever is not here ended by an error. The conventions want a reason of each text.
ENDS = {Turn.Status.DONE.value: "stop", Turn.Status.STOPPED.value: "cancelled"}


def of_turn(turn: Turn) -> dict[str, AttributeValue]:
    """Return the question and the answer; nothing where the conversation was deleted."""
    if not turn.question:
        return {}
    return known(
        {
            names.INPUT_MESSAGES: as_json([_message("user", turn.question)]),
            names.OUTPUT_MESSAGES: _said(turn.answer, ENDS.get(turn.status, "error")),
            names.ERROR_MESSAGE: turn.error_message,
        }
    )


def of_call(call: LLMCall) -> dict[str, AttributeValue]:
    """Return what a model was sent and all that it wrote, thoughts too; nothing of an embedder's call."""
    messages = call.prompt.messages if call.prompt else ()
    system = [{"type": "text", "content": message.content} for message in messages if message.role == "system"]
    others = [_message(message.role, message.content) for message in messages if message.role != "system"]
    reason = call.finish_reason or ("error" if call.error_code else "stop")
    return known(
        {
            names.SYSTEM_INSTRUCTIONS: as_json(system) if system else None,
            names.INPUT_MESSAGES: as_json(others) if others else None,
            names.OUTPUT_MESSAGES: _said(call.reply, reason),
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


def _said(text: str, finish_reason: str) -> str | None:
    return as_json([{**_message("assistant", text), "finish_reason": finish_reason}]) if text else None


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
