"""Scores as another system takes them, one at a time, so that a large export is never whole in memory."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import F

from chat.trace_context import read_traceparent
from monitoring.models import Score
from monitoring.models.scores import ScoreQuerySet
from monitoring.scoring.shapes import SHAPES, Names
from monitoring.telemetry.ids import site_key, span_id_of, trace_id_of

BATCH_ROWS = 500
OWN, TRACES = IDS = ("ragsite", "opentelemetry")


def export_lines(scores: ScoreQuerySet, *, shape: str, reader: Any, ids: str = OWN) -> Iterator[str]:
    """Yield a JSON document {"data": [...]}, a score a line, oldest first. Verdicts without value and label, which
    failed, have no place in these shapes and are left out. `ids`: by which turns are named, one of IDS."""
    said = scores.filter(error="").select_related("judge_version").order_by("pk")
    said = said.annotate(traceparent=F("turn__traceparent"), turn_conversation_id=F("turn__conversation_id"))
    yield '{"data": ['
    for place, score in enumerate(said.iterator(chunk_size=BATCH_ROWS)):
        row = SHAPES[shape].write(score, _names(score, identifier_of(score, reader), ids))
        yield f"{',' if place else ''}\n{json.dumps(row, ensure_ascii=False)}"
    yield "\n]}\n"


def identifier_of(score: Score, reader: Any) -> str:
    """Return by what a score is known elsewhere: what its author called it, to the author; to others a name that no
    other score has, so that an import takes no two for one."""
    is_own = score.source == Score.Source.API and score.author_id == reader.pk
    return score.identifier if is_own else f"ragsite-{score.pk}"


def _names(score: Any, identifier: str, ids: str) -> Names:
    """Return how a score is known; it says its turn's `traceparent` and `turn_conversation_id` too."""
    if ids == OWN:
        return Names(identifier, str(score.turn_id))
    key = site_key()
    joined = read_traceparent(score.traceparent)
    trace = joined.split("-")[1] if joined else f"{trace_id_of(score.turn_id, score.turn_conversation_id, key):032x}"
    return Names(identifier, trace, f"{span_id_of(score.turn_id, key):016x}")
