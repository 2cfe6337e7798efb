"""How each version of a judge errs, as the reports correct by it. monitoring.quality finds it; here it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

STORE_SQL = """
INSERT INTO reports.judge_error
       (judge_version_id, is_synthetic, sensitivity, specificity, failing_labels, other_labels)
VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class JudgeError:
    """Sensitivity and specificity 0..1, each with the number of labelled turns that it is worth."""

    judge_version_id: int
    is_synthetic: bool
    sensitivity: float
    specificity: float
    failing_labels: float
    other_labels: float


def store_judge_errors(errors: Sequence[JudgeError]) -> None:
    """Put these in place of all that are stored: a version that is not among them is corrected no more."""
    rows = [
        (
            one.judge_version_id,
            one.is_synthetic,
            one.sensitivity,
            one.specificity,
            one.failing_labels,
            one.other_labels,
        )
        for one in errors
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM reports.judge_error")
        cursor.executemany(STORE_SQL, rows)


def stored_at() -> datetime | None:
    """Return when they were stored last; None where none are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(updated_at) FROM reports.judge_error")
        found: datetime | None = cursor.fetchone()[0]
        return found
