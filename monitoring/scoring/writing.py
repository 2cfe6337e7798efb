"""Scores as they come by the API become rows. The only writer of scores with source API.

A score says one of three things: a value from 0 to 1, yes or no, or a label alone. A label alone has no value, so it
is in no mean and is counted by its label only. The same author says the same of the same thing once: sent again under
the same name and identifier, a score takes the earlier one's place.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from chat.models import Turn
from monitoring.exceptions import ScoreError
from monitoring.imports.reading import MOST_DEPTH, is_too_deep, too_deep
from monitoring.models import Score
from monitoring.models.scores import FALSE, TRUE
from monitoring.scoring.access import last_turns_to_score, turns_to_score
from monitoring.signals import scores_written

Annotator = Score.Annotator
Key = tuple[UUID | int | None, str, str]  # of an author's score: of what, name, identifier
SAID = ("turn", "value", "label", "explanation", "annotator_kind", "details", "updated_at")
# In a line of an export there are some more around it.
METADATA_DEPTH = MOST_DEPTH - 10
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
    [written] = write_scores(drafts=[draft], author=author)
    if isinstance(written, ScoreError):
        raise written
    return written


def write_scores(*, drafts: Sequence[ScoreDraft], author: Any) -> list[tuple[Score, bool] | ScoreError]:
    """Store scores, and return for each what was stored and whether it is new, or why it is none. Of two that say the
    same of the same, the later one counts. Six queries at most, however many."""
    try:
        return _written(drafts, author)
    except IntegrityError:  # somebody sent one of them at the same moment; it is there by now
        return _written(drafts, author)


@transaction.atomic
def _written(drafts: Sequence[ScoreDraft], author: Any) -> list[tuple[Score, bool] | ScoreError]:
    problems = [_problem(draft) for draft in drafts]
    sound = [draft for draft, problem in zip(drafts, problems, strict=True) if problem is None]
    turns = turns_to_score(author, {draft.turn_id for draft in sound if draft.turn_id is not None})
    wholes = last_turns_to_score(author, {draft.conversation_id for draft in sound if draft.conversation_id})
    there = _there(author, sound, turns, wholes)
    before, said = set(there), dict[Key, Score]()
    results: list[tuple[Score, bool] | ScoreError] = []
    for draft, problem in zip(drafts, problems, strict=True):
        turn = wholes.get(draft.conversation_id) if draft.conversation_id else turns.get(draft.turn_id or 0)
        if problem or turn is None:
            results.append(problem or ScoreError("There is no such turn or conversation, or you may not score it."))
            continue
        key = (draft.conversation_id or draft.turn_id, draft.name, draft.identifier)
        is_new = key not in there
        said[key] = there.setdefault(key, Score(source=Score.Source.API, author=author))
        _say(said[key], draft, turn)
        results.append((said[key], is_new))
    Score.objects.bulk_create(score for key, score in said.items() if key not in before)
    Score.objects.bulk_update((score for key, score in said.items() if key in before), SAID)
    if said:
        ids = [score.pk for score in said.values()]
        transaction.on_commit(partial(scores_written.send_robust, sender=Score, score_ids=ids))
    return results


def _problem(draft: ScoreDraft) -> ScoreError | None:
    try:
        check_draft(draft)
    except ScoreError as error:
        return error
    return None


def _there(
    author: Any, drafts: Sequence[ScoreDraft], turns: Mapping[int, Turn], wholes: Mapping[UUID, Turn]
) -> dict[Key, Score]:
    """Return the author's scores whose place these may take, held for this transaction."""
    scores = Score.objects.by_programs().filter(author=author.pk, name__in={draft.name for draft in drafts})
    of = Q(turn__in=turns, conversation__isnull=True) | Q(conversation__in=wholes)
    return {_key(score): score for score in scores.filter(of).order_by("pk").select_for_update()}


def _key(score: Score) -> Key:
    return (score.conversation_id or score.turn_id, score.name, score.identifier)


def _say(score: Score, draft: ScoreDraft, turn: Turn) -> None:
    """Write into a score what was sent."""
    score.turn, score.conversation_id = turn, draft.conversation_id
    score.name, score.identifier = draft.name, draft.identifier
    score.value, score.label, score.explanation = draft.value, draft.label, draft.explanation
    score.annotator_kind = draft.annotator_kind
    score.details = {"metadata": dict(draft.metadata)} if draft.metadata else {}
    score.updated_at = timezone.now()


def delete_score(*, score: Score) -> None:
    """Take back a score that came by the API."""
    Score.objects.by_programs().filter(pk=score.pk).delete()


def check_draft(draft: ScoreDraft) -> None:
    """Raise ScoreError for what cannot be stored."""
    if (draft.turn_id is None) == (draft.conversation_id is None):
        raise ScoreError("Say what is scored: a turn, or a conversation as a whole.")
    if not draft.name.strip():
        raise ScoreError("Name the score, such as groundedness.")
    if is_too_deep(draft.metadata, METADATA_DEPTH):
        raise ScoreError(f"The metadata cannot be stored: {too_deep(METADATA_DEPTH)}.")
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
