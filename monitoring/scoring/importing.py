"""Scores of another system, row by row: each is stored, or says why not. A row costs itself only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.exceptions import ScoreError
from monitoring.imports.reading import MOST_DEPTH, is_too_deep, too_deep
from monitoring.scoring.shapes import SHAPES, Read
from monitoring.scoring.writing import write_scores

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


def import_scores(*, rows: Sequence[Any], shape: str, author: Any) -> list[RowResult]:
    """Store rows in the shape of "langfuse" or "phoenix", and return what became of each, in their order."""
    read = [_read(row, shape) for row in rows]
    good = [(place, one) for place, one in enumerate(read) if isinstance(one, Read)]
    results = {place: _failed(place, one) for place, one in enumerate(read) if isinstance(one, ScoreError)}
    written = write_scores(drafts=[one.draft for _, one in good], author=author)
    for (place, one), stored in zip(good, written, strict=True):
        if isinstance(stored, ScoreError):
            results[place] = _failed(place, stored)
        else:
            score, is_new = stored
            results[place] = RowResult(place, score.pk, is_new, one.ignored)
    return [results[place] for place in range(len(rows))]


def _read(row: Any, shape: str) -> Read | ScoreError:
    if not isinstance(row, Mapping):
        return ScoreError("A score is an object.")
    if is_too_deep(row):
        return ScoreError(f"It cannot be stored: {too_deep(MOST_DEPTH)}.")
    try:
        return SHAPES[shape].read(row)
    except ScoreError as error:
        return error


def _failed(place: int, error: ScoreError) -> RowResult:
    # A message that quotes half a character could not be sent.
    return RowResult(place, error=str(error).encode("utf-8", "replace").decode())
