"""Scores as they come by the API become rows. The only writer of scores with source API.

A score says one of three things: a value from 0 to 1, yes or no, or a label alone. A label alone has no value, so it
is in no mean and is counted by its label only. The same author says the same of the same thing once: sent again under
the same name and identifier, a score takes the earlier one's place.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from chat.models import Turn
from monitoring.exceptions import ScoreError
from monitoring.models import Score
from monitoring.models.judging import FALSE, TRUE
from monitoring.scoring.access import last_turn_to_score, turn_to_score
from monitoring.signals import scores_written

Annotator = Score.Annotator
NAME_CHARS, LABEL_CHARS, IDENTIFIER_CHARS, EXPLANATION_CHARS, METADATA_CHARS = 60, 40, 100, 10_000, 10_000


@dataclass(frozen=True, slots=True)
class ScoreDraft:
    """A score as it is sent. `turn_id` or `conversation_id` says of what; `value`, `label` or both say what."""

    name: str
    turn_id: int | None = None
    conversation_id: UUID | None = None
    value: float | None = None
    label: str = ""
    explanation: str = ""
    identifier: str = ""
    annotator_kind: str = Annotator.CODE
    metadata: Mapping[str, Any] = field(default_factory=dict)


def yes_or_no(answer: bool) -> tuple[float, str]:
    """Return value and label of a score that says yes or no."""
    return (1.0, TRUE) if answer else (0.0, FALSE)


def write_score(*, draft: ScoreDraft, author: Any) -> tuple[Score, bool]:
    """Store a score, and return it with whether it is new. Raises ScoreError for what cannot be one, or where the
    author may not score it."""
    check_draft(draft)
    turn = _target(draft, author)
    of = {"conversation_id": turn.conversation_id} if draft.conversation_id else {"turn": turn, "conversation": None}
    said = {
        "turn": turn,
        "value": draft.value,
        "label": draft.label,
        "explanation": draft.explanation,
        "annotator_kind": draft.annotator_kind,
        "details": {"metadata": dict(draft.metadata)} if draft.metadata else {},
    }
    score, is_new = Score.objects.update_or_create(
        source=Score.Source.API, name=draft.name, author=author, identifier=draft.identifier, **of, defaults=said
    )
    transaction.on_commit(partial(scores_written.send_robust, sender=Score, score_ids=[score.pk]))
    return score, is_new


def delete_score(*, score: Score) -> None:
    """Take back a score that came by the API."""
    Score.objects.by_programs().filter(pk=score.pk).delete()


def check_draft(draft: ScoreDraft) -> None:
    """Raise ScoreError for what cannot be stored."""
    if (draft.turn_id is None) == (draft.conversation_id is None):
        raise ScoreError("Say what is scored: a turn, or a conversation as a whole.")
    if not draft.name.strip():
        raise ScoreError("Name the score, such as groundedness.")
    for what, text, most in (
        ("name", draft.name, NAME_CHARS),
        ("label", draft.label, LABEL_CHARS),
        ("identifier", draft.identifier, IDENTIFIER_CHARS),
        ("explanation", draft.explanation, EXPLANATION_CHARS),
        ("metadata", json.dumps(dict(draft.metadata), ensure_ascii=False), METADATA_CHARS),
    ):
        _check_storable(what, text)
        if len(text) > most:
            raise ScoreError(f"The {what} has {len(text):,} characters; at most {most:,} are possible.")
    if draft.value is None and not draft.label:
        raise ScoreError("Say something: a value from 0 to 1, true or false, or a label.")
    if draft.value is not None and not (math.isfinite(draft.value) and 0 <= draft.value <= 1):
        raise ScoreError(f"The value {draft.value:g} is not from 0 to 1, larger being better; divide it by its scale.")
    if draft.annotator_kind not in Annotator.values:
        raise ScoreError(f'"{draft.annotator_kind}" is no kind of annotator; there are: {", ".join(Annotator.values)}.')


def _check_storable(what: str, text: str) -> None:
    """Raise ScoreError for characters that PostgreSQL cannot store, or JSON of it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ScoreError(f"The {what} holds half a character (a lone surrogate).") from None
    if "\x00" in text or "\\u0000" in text:
        raise ScoreError(f"The {what} holds a NUL character.")


def _target(draft: ScoreDraft, author: Any) -> Turn:
    if draft.conversation_id is not None:
        return last_turn_to_score(author, draft.conversation_id)
    return turn_to_score(author, draft.turn_id or 0)
