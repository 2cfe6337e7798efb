"""A conversation as a file to take along."""

from typing import Any

from chat.models import Conversation, Turn


def conversation_as_markdown(conversation: Conversation) -> str:
    """Return the transcript with numbered sources under each answer. Three queries."""
    parts = [f"# {conversation.title or 'Conversation'}", f"{conversation.created_at:%Y-%m-%d %H:%M} UTC"]
    for turn in _turns(conversation):
        parts += [f"## {_one_line(turn.question)}"]
        if "\n" in turn.question:
            parts += [turn.question]
        parts += [turn.answer or f"*No answer: {turn.error_message or turn.get_status_display().lower()}*"]
        sources = [
            f"{hit.rank}. {_label(hit.document_title, hit.heading_path)}" for hit in turn.hits.all() if hit.is_cited
        ]
        if sources:
            parts += ["Sources:", "\n".join(sources)]
    return "\n\n".join(parts) + "\n"


def conversation_as_json(conversation: Conversation) -> dict[str, Any]:
    """Return the transcript as plain data, with hits, votes of its owner, model and times. Three queries."""
    return {
        "id": str(conversation.pk),
        "title": conversation.title,
        "created_at": conversation.created_at.isoformat(),
        "turns": [_turn_data(turn, conversation.user_id) for turn in _turns(conversation)],
    }


def _turns(conversation: Conversation) -> list[Turn]:
    turns = Turn.objects.current().filter(conversation=conversation).order_by("position")
    return list(turns.prefetch_related("hits", "feedback"))


def _turn_data(turn: Turn, owner_id: int | None) -> dict[str, Any]:
    feedback = next((vote for vote in turn.feedback.all() if vote.user_id == owner_id), None)
    return {
        "id": turn.pk,
        "question": turn.question,
        "answer": turn.answer,
        "status": turn.status,
        "asked_at": turn.created_at.isoformat(),
        "model": turn.model,
        "search_mode": turn.search_mode,
        "total_seconds": turn.total_seconds,
        "cost_usd": None if turn.cost_usd is None else str(turn.cost_usd),
        "sources": [
            {
                "number": hit.rank,
                "document": hit.document_title,
                "heading": hit.heading_path,
                "text": hit.text,
                "cited": hit.is_cited,
            }
            for hit in turn.hits.all()
        ],
        "feedback": feedback and {"value": feedback.value, "reasons": feedback.reasons, "comment": feedback.comment},
    }


def _label(title: str, heading_path: str) -> str:
    return f"{title}: {heading_path}" if heading_path else title


def _one_line(text: str) -> str:
    return " ".join(text.split())
