"""Where the logs of other systems keep what: names that are tried in turn, or the one that was told.

A name is a path into nested objects, with dots; a key that itself has dots in it is found too, as some exports are
flat. The usual names are those of our own documents, and of what Langfuse and Phoenix write.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from monitoring.exceptions import ImportTurnsError

USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "trace_id", "traceId", "context.trace_id"),
    "question": ("question", "query", "prompt", "input", "attributes.input.value", "attributes.input"),
    "answer": ("answer", "response", "completion", "output", "attributes.output.value", "attributes.output"),
    "asked_at": ("asked_at", "timestamp", "start_time", "startTime", "created_at", "createdAt"),
    "answered_at": ("answered_at", "end_time", "endTime", "finished_at"),
    "duration_seconds": ("duration_seconds", "latency", "duration"),
    "first_token_seconds": ("first_token_seconds", "time_to_first_token", "timeToFirstToken"),
    "model": ("model", "model_name", "attributes.llm.model_name", "metadata.model"),
    "user": ("user", "user_id", "userId", "attributes.user.id"),
    "feedback": ("feedback", "vote", "rating"),
    "comment": ("comment", "feedback_comment"),
    "conversation": (
        "conversation",
        "conversation_id",
        "session_id",
        "sessionId",
        "thread_id",
        "session",
        "attributes.session.id",
    ),
    "contexts": ("contexts", "retrieved_contexts", "documents", "sources", "attributes.retrieval.documents"),
    "input_tokens": (
        "input_tokens",
        "usage.input_tokens",
        "usage.prompt_tokens",
        "usage.input",
        "attributes.llm.token_count.prompt",
    ),
    "output_tokens": (
        "output_tokens",
        "usage.output_tokens",
        "usage.completion_tokens",
        "usage.output",
        "attributes.llm.token_count.completion",
    ),
    "cost_usd": ("cost_usd", "totalCost", "total_cost", "cost"),
    "error": ("error", "error_message"),
}
FIELD_HELP = {
    "id": "what the other system calls the answer; without it, its question and time tell it apart",
    "question": "the question, or messages of which the last of the user's is one",
    "answer": "the answer, or messages of which the last of the assistant's is one",
    "asked_at": "when it was asked: ISO 8601 (UTC unless it says otherwise), or seconds since 1970",
    "answered_at": "when the answer was complete",
    "duration_seconds": "or how long that took",
    "first_token_seconds": "how long until the first word",
    "model": "which model answered",
    "user": "who asked",
    "feedback": "the user's vote: up, down, 1, -1, like, dislike, true, false",
    "comment": "what the user said of it",
    "conversation": "what keeps questions of one conversation together",
    "contexts": "what the answer was made from: a list of texts, or of objects with text, document and score",
    "input_tokens": "tokens that the model read",
    "output_tokens": "tokens that it wrote",
    "cost_usd": "what it cost, in dollars",
    "error": "why there is no answer",
}
_TEXT_KEYS = ("question", "query", "input", "answer", "output", "response", "content", "text", "value")
_UP = {"up", "1", "+1", "like", "liked", "true", "thumbs_up", "thumbs up", "positive", "good"}
_DOWN = {"down", "-1", "dislike", "disliked", "false", "thumbs_down", "thumbs down", "negative", "bad"}
DEPTH = 6


class Fields:
    """Finds values of a line by role. `told`: a name for each role that is not to be guessed."""

    def __init__(self, told: Mapping[str, str] | None = None) -> None:
        told = {role: name for role, name in (told or {}).items() if name}
        if unknown := sorted(set(told) - set(USUAL_NAMES)):
            raise ImportTurnsError(f"There is no field {', '.join(unknown)}. There are: {', '.join(USUAL_NAMES)}.")
        self._names = {role: (told[role],) if role in told else usual for role, usual in USUAL_NAMES.items()}

    def names(self, role: str) -> str:
        """Return where a role is looked for, as people read it."""
        return " or ".join(self._names[role])

    def value(self, line: Mapping[str, Any], role: str) -> Any:
        """Return the first of the role's names that holds something."""
        for name in self._names[role]:
            found = at(line, name)
            if found not in (None, "", [], {}):
                return found
        return None


def at(value: Any, path: str) -> Any:
    """Return what stands at a path, None where nothing does."""
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    parts = path.split(".")
    for place in range(1, len(parts)):
        head = ".".join(parts[:place])
        if head in value and (found := at(value[head], ".".join(parts[place:]))) is not None:
            return found
    return None


def text_of(value: Any, *, role: str, depth: int = DEPTH) -> str | None:
    """Return the text of a question or an answer: of a text, of messages the last that `role` ("user", "assistant")
    wrote, of an object the first of the usual keys. None where there is none."""
    if depth == 0:
        return None
    if isinstance(value, str):
        return _within(value, role, depth)
    if isinstance(value, Mapping):
        if isinstance(messages := value.get("messages") or value.get("choices"), Sequence):
            return text_of(messages, role=role, depth=depth - 1)
        if isinstance(message := value.get("message"), Mapping):
            return text_of(message, role=role, depth=depth - 1)
        return next(
            (found for key in _TEXT_KEYS if (found := text_of(value.get(key), role=role, depth=depth - 1))), None
        )
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        spoken = [one for one in value if not isinstance(one, Mapping) or one.get("role", role) in (role, None)]
        return next((found for one in reversed(spoken) if (found := text_of(one, role=role, depth=depth - 1))), None)
    return None


def _within(text: str, role: str, depth: int) -> str:
    """Return a text, or what stands in it where it is itself JSON, as some exports have it."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return text_of(inner, role=role, depth=depth - 1) or text
    return text


def vote_of(value: Any) -> int | None:
    """Return 1 or -1 for a vote in any usual words; None for what is none of them."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("value", "rating", "score", "vote") if value.get(key) is not None), None)
    word = str(int(value) if isinstance(value, float) and value in (1.0, -1.0) else value).strip().lower()
    return 1 if word in _UP else -1 if word in _DOWN else None
