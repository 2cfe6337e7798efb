"""Logs of another system as turns: each line a question and its answer, with what else is known of it.

What is not known stays unknown: how it was searched, what a hit's score is, which prompt was used. The answers get a
config of their own for each model, which never answers here.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chat.models.conversation import Origin
from chat.models.people import IMPORTED_PREFIX
from monitoring.exports.shape import CONFIG, MOST_SECONDS, SCHEMA, TURN
from monitoring.imports.checking import as_time, checked, clean
from monitoring.imports.fields import Fields, at, text_of, vote_of
from monitoring.imports.reading import LineError
from monitoring.imports.references import slug

Record = dict[str, Any]
UNKNOWN_MODEL = "unknown"
# Any namespace that nobody else makes ids of conversations in.
NAMESPACE = uuid.UUID("6b1f6e0e-52a4-4b0c-9d8e-0b8f3a1d7c55")
_CONTEXT_TEXTS = ("text", "content", "page_content", "document.content", "document.text", "chunk")
_CONTEXT_TITLES = ("title", "document_title", "document.title", "document", "source", "name", "document.id", "id")
_CONTEXT_SCORES = ("score", "document.score", "similarity")


class TraceReader:
    """Reads lines of a log as records of turns. `source`: its name here; `collection`: what it was asked of;
    `with_users`: each user of the log becomes one here whom nobody is."""

    def __init__(
        self,
        *,
        source: str,
        fields: Fields | None = None,
        config_name: str = "",
        collection: str = "",
        origin: str = Origin.API,
        model: str = "",
        with_users: bool = True,
    ) -> None:
        self._fields = fields or Fields()
        self._source, self._collection, self._origin = source, collection, origin
        self._config_name = slug(config_name or source)[: 60 - len(IMPORTED_PREFIX)]
        self._model, self._with_users = model or UNKNOWN_MODEL, with_users

    def read(self, line: Mapping[str, Any]) -> Record:
        """Return a line as a record. Raises LineError that says what is missing or cannot be."""
        question = text_of(self._fields.value(line, "question"), role="user")
        if not question:
            raise LineError(f"there is no question in {self._fields.names('question')}")
        answer, error = self._answer(line)
        asked_at, finished_at, seconds = self._times(line)
        key = self._key(line, question, asked_at)
        model = self._text(line, "model") or self._model
        hits = self._hits(line)
        cost = self._fields.value(line, "cost_usd")
        user = self._user(line)
        record: Record = {
            "schema": SCHEMA,
            "id": key,
            "conversation": {
                "id": str(uuid.uuid5(NAMESPACE, f"{self._source}\n{self._text(line, 'conversation') or key}")),
                "collection": self._collection,
            },
            "position": 1,
            "user": user,
            "origin": self._origin,
            "status": "FAILED" if error else "DONE",
            "question": question,
            "answer": answer,
            "config": dict.fromkeys(CONFIG)
            | {"name": f"{IMPORTED_PREFIX}{self._config_name}", "version": 1, "model": model},
            "collection": self._collection,
            "model": model,
            "hit_count": len(hits) if hits is not None else None,
            "error_code": "elsewhere" if error else None,
            "error_message": error,
            "first_token_seconds": self._fields.value(line, "first_token_seconds"),
            "total_seconds": seconds,
            "cost_usd": cost,
            "created_at": asked_at,
            "started_at": asked_at,
            "finished_at": finished_at,
            "hits": hits or [],
            "calls": self._calls(line, model, cost, seconds),
            "feedback": self._feedback(line, user, finished_at),
        }
        found = checked(record, TURN)
        found["position"] = None  # given in the order of time
        return found

    def _answer(self, line: Mapping[str, Any]) -> tuple[str, str]:
        """Return the answer and why there is none."""
        error = self._fields.value(line, "error")
        said = text_of(self._fields.value(line, "answer"), role="assistant")
        if said:
            return said, ""
        if error:
            return "", str(error)
        raise LineError(f"there is no answer in {self._fields.names('answer')}, and no error either")

    def _times(self, line: Mapping[str, Any]) -> tuple[datetime, datetime, float | None]:
        """Return when it was asked and answered, and the seconds between, None where they are not known."""
        asked, answered, seconds = (
            self._fields.value(line, role) for role in ("asked_at", "answered_at", "duration_seconds")
        )
        if asked is None:
            raise LineError(f"there is no time of the question in {self._fields.names('asked_at')}")
        asked_at = as_time(asked, "the time of the question")
        if answered is not None:
            answered_at = as_time(answered, "the time of the answer")
            if answered_at < asked_at:
                raise LineError(f"it was answered ({answered_at}) before it was asked ({asked_at})")
            return asked_at, answered_at, (answered_at - asked_at).total_seconds()
        if seconds is None:
            return asked_at, asked_at, None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MOST_SECONDS:
            raise LineError(f"the duration is no number of seconds from 0 to {MOST_SECONDS:,}: {str(seconds)[:60]}")
        return asked_at, asked_at + timedelta(seconds=seconds), float(seconds)

    def _key(self, line: Mapping[str, Any], question: str, asked_at: datetime) -> str:
        if own := self._text(line, "id"):
            return own[:200]
        digest = hashlib.sha256(
            f"{self._text(line, 'conversation')}\n{asked_at.isoformat()}\n{question}".encode("utf-8", "replace")
        )
        return digest.hexdigest()

    def _user(self, line: Mapping[str, Any]) -> Record | None:
        """Return a user whom nobody is, the same for the same one of the log. The name itself is not kept."""
        named = self._text(line, "user")
        if not self._with_users or not named:
            return None
        digest = hashlib.sha256(f"{self._source}\n{named}".encode("utf-8", "replace")).hexdigest()[:12]
        return {"name": f"{IMPORTED_PREFIX}{slug(self._source)}-{digest}"}

    def _text(self, line: Mapping[str, Any], role: str) -> str:
        value = self._fields.value(line, role)
        if isinstance(value, Mapping):
            value = value.get("id") or value.get("name")
        return "" if value is None or isinstance(value, list) else clean(str(value)).strip()

    def _hits(self, line: Mapping[str, Any]) -> list[Record] | None:
        """Return the contexts as hits, in their order; None where the log says nothing of any."""
        contexts = self._fields.value(line, "contexts")
        if contexts is None:
            names = self._fields.names("contexts").split(" or ")
            return [] if any(at(line, name) == [] for name in names) else None
        if not isinstance(contexts, Sequence) or isinstance(contexts, str | bytes):
            raise LineError(f"the contexts are no list: {str(contexts)[:60]}")
        return [self._hit(rank, context) for rank, context in enumerate(contexts, start=1)]

    @staticmethod
    def _hit(rank: int, context: Any) -> Record:
        if isinstance(context, str):
            return {"rank": rank, "text": context, "title": f"Context {rank}"}
        text = next((found for name in _CONTEXT_TEXTS if isinstance(found := at(context, name), str)), None)
        if text is None:
            raise LineError(f"context {rank} is neither a text nor an object with one in {', '.join(_CONTEXT_TEXTS)}")
        title = next((found for name in _CONTEXT_TITLES if isinstance(found := at(context, name), str | int)), "")
        score = next((found for name in _CONTEXT_SCORES if isinstance(found := at(context, name), int | float)), None)
        return {"rank": rank, "text": text, "title": str(title)[:500] or f"Context {rank}", "score": score}

    def _calls(self, line: Mapping[str, Any], model: str, cost: Any, seconds: float | None) -> list[Record]:
        """Return the call of the model, where its tokens or its cost are known, and how long it took."""
        tokens = {name: self._fields.value(line, name) for name in ("input_tokens", "output_tokens")}
        if seconds is None or (cost is None and all(count is None for count in tokens.values())):
            return []
        return [{"purpose": "answer", "model": model, "cost_usd": cost, "duration_seconds": seconds, **tokens}]

    def _feedback(self, line: Mapping[str, Any], user: Record | None, at: datetime) -> list[Record]:
        said = self._fields.value(line, "feedback")
        if said is None:
            return []
        vote = vote_of(said)
        if vote is None:
            raise LineError(
                f"the feedback is {str(said)[:60]!r}; possible are up, down, 1, -1, like, dislike, true, false"
            )
        comment = self._fields.value(line, "comment") or (said.get("comment") if isinstance(said, Mapping) else None)
        return [{"user": user, "value": vote, "comment": str(comment)[:2000] if comment else None, "created_at": at}]
