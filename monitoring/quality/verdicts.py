"""What a judge does all day: how many verdicts, how many without a value, what they cost and how long they take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db.models import Aggregate, Avg, Count, FloatField, Q, StdDev
from django.db.models.functions import TruncDate
from django.utils import timezone

from monitoring.judges.criteria import Criterion
from monitoring.models import JudgeVersion, Score
from monitoring.models.scores import ScoreQuerySet
from monitoring.quality.figures import Figure, figure
from monitoring.quality.labelled import LIVE_ORIGINS
from monitoring.statistics.intervals import share_interval

DAYS = 30
FAILED = "no verdict"
_WIDTH = 1.96  # standard errors


class Median(Aggregate):
    """The middle value, by PostgreSQL."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True, slots=True)
class Work:
    """What a version did. Costs are those of the `priced` verdicts, whose cost is known; of all, failed ones too."""

    verdicts: int = 0  # turns that were judged, with success or not
    failed: int = 0
    priced: int = 0
    usd_per_1000: float | None = None
    usd_low: float | None = None
    usd_high: float | None = None
    median_seconds: float | None = None
    timed: int = 0

    @property
    def failed_share(self) -> float | None:
        return self.failed / self.verdicts if self.verdicts else None

    @property
    def unpriced(self) -> int:
        return self.verdicts - self.priced


@dataclass(frozen=True, slots=True)
class Day:
    """How often each label was given on a day (UTC), in the order of the labels."""

    date: date
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Days:
    """The labels of the last days; `no verdict` last."""

    labels: tuple[str, ...]
    days: tuple[Day, ...]
    totals: tuple[int, ...]


def work_by_version(versions: Iterable[JudgeVersion], *, origins: Sequence[str] = LIVE_ORIGINS) -> dict[int, Work]:
    """Return what versions did, by their ids. One query."""
    wanted = [version.pk for version in versions]
    rows = (
        _scores(origins)
        .filter(judge_version__in=wanted)
        .order_by()
        .values("judge_version_id")
        .annotate(
            verdicts=Count("pk"),
            failed=Count("pk", filter=Q(value__isnull=True)),
            priced=Count("cost_usd"),
            mean_usd=Avg("cost_usd"),
            spread_usd=StdDev("cost_usd", sample=True),
            median_seconds=Median("duration_seconds"),
            timed=Count("duration_seconds"),
        )
    )
    return {pk: Work() for pk in wanted} | {row["judge_version_id"]: _work(dict(row)) for row in rows}


def failed_figure(version: JudgeVersion, *, origins: Sequence[str] = LIVE_ORIGINS) -> Figure:
    """Return the share of judged turns without a verdict, clustered by conversation. One query."""
    rows = (
        _scores(origins)
        .filter(judge_version=version)
        .order_by()
        .values("turn__conversation_id")
        .annotate(failed=Count("pk", filter=Q(value__isnull=True)), verdicts=Count("pk"))
        .values_list("failed", "verdicts")
    )
    counts = np.asarray(list(rows), np.float64).reshape(-1, 2)
    return figure(
        share_interval(counts[:, 0], counts[:, 1], n=int(counts[:, 1].sum())),
        otherwise="No data: it has judged no turn.",
        one_cluster="All judged turns are of one conversation, which says nothing of others.",
    )


def labels_by_day(
    version: JudgeVersion, criterion: Criterion, *, days: int = DAYS, origins: Sequence[str] = LIVE_ORIGINS
) -> Days:
    """Return which labels a version gave on each of the last days, quiet ones too. One query."""
    last = timezone.now().astimezone(UTC).date()
    first = last - timedelta(days=days - 1)
    rows = (
        _scores(origins)
        .filter(judge_version=version, created_at__gte=datetime.combine(first, time(), tzinfo=UTC))
        .order_by()
        .annotate(day=TruncDate("created_at", tzinfo=UTC))
        .values("day", "label")
    )
    counts: dict[tuple[date, str], int] = {}
    for day, label, count in rows.annotate(n=Count("pk")).values_list("day", "label", "n"):
        counts[day, label or FAILED] = counts.get((day, label or FAILED), 0) + count
    given = {label for _, label in counts}
    labels = (*criterion.labels, *sorted(given - set(criterion.labels) - {FAILED}), FAILED)
    every = [first + timedelta(days=number) for number in range(days)]
    found = tuple(Day(day, tuple(counts.get((day, label), 0) for label in labels)) for day in every)
    return Days(labels, found, tuple(sum(day.counts[place] for day in found) for place in range(len(labels))))


def _scores(origins: Sequence[str]) -> ScoreQuerySet:
    return Score.objects.by_judges().filter(turn__origin__in=origins)


def _work(row: dict[str, Any]) -> Work:
    mean: Decimal | None = row["mean_usd"]
    low = high = None
    if mean is not None and row["spread_usd"] is not None:
        half = _WIDTH * float(row["spread_usd"]) / float(np.sqrt(row["priced"]))
        low, high = max(0.0, float(mean) - half) * 1000, (float(mean) + half) * 1000
    return Work(
        verdicts=row["verdicts"],
        failed=row["failed"],
        priced=row["priced"],
        usd_per_1000=None if mean is None else float(mean) * 1000,
        usd_low=low,
        usd_high=high,
        median_seconds=row["median_seconds"],
        timed=row["timed"],
    )
