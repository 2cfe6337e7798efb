"""Results of a run by item: what summaries and comparisons are made of. Repetitions of an item are one observation,
their mean; an item that is scored in some of them counts with those."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db import connection

from monitoring.evaluation.measures.registry import MEASURES
from monitoring.models import EvaluationItem, EvaluationRun
from monitoring.statistics.intervals import Interval, mean_interval

VALUES_SQL = """
  SELECT score.name,
         evaluation_item.item_id,
         avg(score.value),
         min(score.error) FILTER (WHERE score.value IS NULL),
         min(score.judge_version)
    FROM monitoring_evaluationitem AS evaluation_item
    JOIN monitoring_itemscore AS score ON score.evaluation_item_id = evaluation_item.id
   WHERE evaluation_item.run_id = %(run_id)s
GROUP BY score.name, evaluation_item.item_id
ORDER BY score.name, evaluation_item.item_id
"""

REPETITIONS_SQL = """
  SELECT score.name,
         evaluation_item.item_id,
         evaluation_item.repetition,
         score.value
    FROM monitoring_evaluationitem AS evaluation_item
    JOIN monitoring_itemscore AS score ON score.evaluation_item_id = evaluation_item.id
   WHERE evaluation_item.run_id = %(run_id)s
ORDER BY score.name, evaluation_item.repetition, evaluation_item.item_id
"""

Values = Mapping[int, float | None]  # by item id; None: unscored


@dataclass(frozen=True)
class RunResults:
    """Values by measure and item, why values are missing, and the cluster of each item."""

    run: EvaluationRun
    values: Mapping[str, Values]
    reasons: Mapping[str, Mapping[str, int]]  # by measure: how many items are unscored for which reason
    clusters: Mapping[int, str]
    judge_versions: Mapping[str, str]  # by measure: empty where it is no judge's

    def interval(self, name: str, item_ids: Collection[int] | None = None) -> Interval | None:
        """Return a measure's mean over all items, or over some; None where none of them is scored."""
        values = self.values.get(name, {})
        ids = [item_id for item_id in values if item_ids is None or item_id in item_ids]
        return mean_interval([values[item_id] for item_id in ids], [self.clusters[item_id] for item_id in ids])


def load_results(run: EvaluationRun) -> RunResults:
    """Return the results of a run, also of one that is not finished. Two queries."""
    values: dict[str, dict[int, float | None]] = defaultdict(dict)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    versions: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(VALUES_SQL, {"run_id": run.pk})
        for name, item_id, value, error, version in cursor.fetchall():
            versions[name] = version
            values[name][item_id] = value
            if value is None:
                reasons[name][error] += 1
    rows = EvaluationItem.objects.filter(run=run).order_by("item_id").values_list("item_id", "item__cluster")
    ordered = {name: values[name] for name in in_order(values)}
    return RunResults(run, ordered, dict(reasons), dict(rows.distinct()), versions)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of measures as the registry has them, judges behind."""
    places = {name: place for place, name in enumerate(MEASURES)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def load_repetitions(run: EvaluationRun) -> dict[str, list[Values]]:
    """Return by measure the values of each repetition, which tell how much of a difference is noise. One query."""
    found: dict[str, dict[int, dict[int, float | None]]] = defaultdict(lambda: defaultdict(dict))
    with connection.cursor() as cursor:
        cursor.execute(REPETITIONS_SQL, {"run_id": run.pk})
        for name, item_id, repetition, value in cursor.fetchall():
            found[name][repetition][item_id] = value
    return {name: list(repetitions.values()) for name, repetitions in found.items()}
