"""Results into the database. Many at once go by COPY, which takes a tenth of the time of INSERT."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone
from psycopg import sql

from monitoring.evaluation.measures.base import Measurement
from monitoring.evaluation.questions import Question
from monitoring.evaluation.retrieval import Ranking
from monitoring.models import EvaluationItem, ItemScore

ERROR_CHARS = 500  # width of EvaluationItem.error
SCORE_ERROR_CHARS = 300  # width of ItemScore.error
SCORE_COLUMNS = ["evaluation_item_id", "name", "value", "label", "explanation", "error", "judge_version"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a config made of one item. `error`: why it failed."""

    question: Question
    repetition: int
    ranking: Ranking
    measurements: Mapping[str, Measurement]
    turn_id: int | None = None
    error: str = ""


def write_results(run_id: int, results: Sequence[Result]) -> list[int]:
    """Store results with their scores; return the ids of the evaluation items. In the caller's transaction.

    Raises IntegrityError when one of them is there already.
    """
    ids = _new_ids(len(results))
    now = timezone.now()
    _copy(
        EvaluationItem._meta.db_table,
        [
            "id", "run_id", "item_id", "repetition", "turn_id", "chunk_ids", "document_ids", "hit_scores",
            "chunk_grades", "search_seconds", "error", "created_at",
        ],
        [
            (
                row_id, run_id, result.question.item_id, result.repetition, result.turn_id,
                list(result.ranking.chunk_ids), list(result.ranking.document_ids), list(result.ranking.hit_scores),
                grades_of(result), result.ranking.search_seconds, _text(result.error, ERROR_CHARS), now,
            )
            for row_id, result in zip(ids, results, strict=True)
        ],
    )  # fmt: skip
    _copy(
        ItemScore._meta.db_table,
        SCORE_COLUMNS,
        [
            score_row(row_id, name, measurement)
            for row_id, result in zip(ids, results, strict=True)
            for name, measurement in result.measurements.items()
        ],
    )
    return ids


def write_scores(evaluation_item_id: int, measurements: Mapping[str, Measurement], *, version: str = "") -> None:
    """Store more scores of an item; one that is there already stays as it is. `version`: of the judge."""
    rows = [score_row(evaluation_item_id, name, measurement, version) for name, measurement in measurements.items()]
    ItemScore.objects.bulk_create(
        [ItemScore(**dict(zip(SCORE_COLUMNS, row, strict=True))) for row in rows], ignore_conflicts=True
    )


def score_row(evaluation_item_id: int, name: str, measurement: Measurement, version: str = "") -> tuple[object, ...]:
    """Return the columns of a score, in the order of its table."""
    return (
        evaluation_item_id,
        name,
        measurement.value,
        measurement.label,
        _text(measurement.explanation),
        _text(measurement.error, SCORE_ERROR_CHARS),
        version,
    )


def grades_of(result: Result) -> list[int]:
    """Return how relevant each ranked chunk is."""
    places = zip(result.ranking.chunk_ids, result.ranking.document_ids, strict=True)
    return [result.question.grade(chunk_id, document_id) for chunk_id, document_id in places]


def _new_ids(count: int) -> list[int]:
    statement = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
    with connection.cursor() as cursor:
        cursor.execute(statement, [EvaluationItem._meta.db_table, count])
        return [row[0] for row in cursor.fetchall()]


def _copy(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    statement = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier(table), columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _text(text: str, limit: int | None = None) -> str:
    """PostgreSQL's text has no NUL."""
    return text.replace("\0", " ")[:limit]
