"""Scores as another system takes them, one at a time, so that a large export is never whole in memory."""

import json
from collections.abc import Iterator
from typing import Any

from monitoring.models import Score
from monitoring.models.scores import ScoreQuerySet
from monitoring.scoring.shapes import SHAPES

BATCH_ROWS = 500


def export_lines(scores: ScoreQuerySet, *, shape: str, reader: Any) -> Iterator[str]:
    """Yield a JSON document {"data": [...]}, a score a line, oldest first. Verdicts without value and label, which
    failed, have no place in these shapes and are left out."""
    said = scores.filter(error="").select_related("judge_version").order_by("pk")
    yield '{"data": ['
    for place, score in enumerate(said.iterator(chunk_size=BATCH_ROWS)):
        row = SHAPES[shape].write(score, identifier_of(score, reader))
        yield f"{',' if place else ''}\n{json.dumps(row, ensure_ascii=False)}"
    yield "\n]}\n"


def identifier_of(score: Score, reader: Any) -> str:
    """Return by what a score is known elsewhere: what its author called it, to the author; to others a name that no
    other score has, so that an import takes no two for one."""
    is_own = score.source == Score.Source.API and score.author_id == reader.pk
    return score.identifier if is_own else f"ragsite-{score.pk}"
