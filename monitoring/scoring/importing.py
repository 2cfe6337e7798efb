"""Scores of another system, row by row: each is stored, or says why not. A row costs itself only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.exceptions import ScoreError
from monitoring.scoring.shapes import SHAPES
from monitoring.scoring.writing import write_score

MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row, the first being 0. `score_id` None: nothing, and `error` says why. `ignored` are fields
    that have no place here."""

    row: int
    score_id: int | None = None
    is_new: bool = False
    ignored: tuple[str, ...] = ()
    error: str = ""


def import_scores(*, rows: Iterable[Any], shape: str, author: Any) -> list[RowResult]:
    """Store rows in the shape of "langfuse" or "phoenix", and return what became of each, in their order."""
    return [_stored(place, row, shape, author) for place, row in enumerate(rows)]


def _stored(place: int, row: Any, shape: str, author: Any) -> RowResult:
    try:
        if not isinstance(row, Mapping):
            raise ScoreError("A score is an object.")
        found = SHAPES[shape].read(row)
        score, is_new = write_score(draft=found.draft, author=author)
    except ScoreError as error:
        # A message that quotes half a character could not be sent.
        return RowResult(place, error=str(error).encode("utf-8", "replace").decode())
    return RowResult(place, score.pk, is_new, found.ignored)
