"""By which judge a rate of failing answers is. Judges differ from each other more than answers do from day to day, so
that one judge is chosen for a criterion, and all that is compared is by it."""

from collections.abc import Iterable

from monitoring.dashboard.reading import Reader, Row


def busiest_judge(reader: Reader, criterion: str) -> Row | None:
    """Return what the judge with the most verdicts of the period said; None where there are none. One query, which is
    that of the table of judges."""
    rows = _of(reader.rows("scores"), criterion)
    return min(rows, key=lambda row: (-row["scored"], _version(row)), default=None)


def rows_of_judge(rows: Iterable[Row], judge: Row) -> list[Row]:
    """Return what the same version of the judge said of the same criterion elsewhere, where it said anything."""
    return [row for row in _of(rows, judge["name"]) if _version(row) == _version(judge)]


def is_judged(rows: Iterable[Row], criterion: str) -> bool:
    """Return whether any judge said anything of the criterion."""
    return bool(_of(rows, criterion))


def _of(rows: Iterable[Row], criterion: str) -> list[Row]:
    return [row for row in rows if row["name"] == criterion and row["scored"]]


def _version(row: Row) -> tuple[str, int]:
    return row["source"], row["judge_version_id"]  # 0 of reviewers and of programs
