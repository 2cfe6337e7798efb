"""Evaluation: what datasets of questions with known answers say of each config, run by run."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.build.board import board
from deploy.grafana.build.links import RUN
from deploy.grafana.build.panels import NUMBER, RATIO, SECONDS, USD, PanelBuilder, lines, rows
from deploy.grafana.build.sql import RANGE, Sql, select

SHOWN = 200
OPEN_RUN = {"run": ("Open the run in the admin", RUN)}
SCORES = f"reports.evaluation_scores({RANGE})"
OF_CONFIG = "('${config}' = '' OR config_id = NULLIF('${config}', '')::bigint)"


def evaluation() -> Dashboard:
    return board(
        "ragsite-evaluation",
        "ragsite: Evaluation",
        "Evaluation runs of the range.",
        {"Runs": [_runs()], "Measures": [_measures(), _over_time(), _items()]},
        days=90,
        of_runs=True,
    )


def _runs() -> PanelBuilder:
    columns = {
        "run": "run_id",
        "started": "created_at",
        "status": "lower(status)",
        "dataset": "dataset",
        "dataset version": "dataset_version",
        "split": "lower(split)",
        "pipeline config": "config",
        "kind": "lower(kind)",
        "n: items": "total_items",
        "done": "done_items",
        "seconds": "duration_seconds",
        "known cost": "cost_usd",
        "calls of unknown cost": "unpriced_calls",
    }
    in_range = "created_at >= $__timeFrom()\n   AND created_at < $__timeTo()"
    return rows(
        "Which evaluation runs were there?",
        f"The newest {SHOWN}. Runs are their own origin, and name their dataset.",
        Sql(
            select(
                columns,
                "reports.evaluation_run",
                where=f"{in_range}\n   AND {OF_CONFIG}",
                order="created_at DESC, run_id DESC",
                limit=SHOWN,
            )
        ),
        units={"seconds": SECONDS, "known cost": USD, "n: .*": NUMBER},
        urls=OPEN_RUN,
    )


def _measures() -> PanelBuilder:
    columns = {
        "measure": "measure",
        "dataset": "score.dataset",
        "pipeline config": "score.config",
        "mean": "mean",
        "low": "mean_low",
        "high": "mean_high",
        "n: scored items": "n",
        "unscored": "unscored",
        "run": "run_id",
        "started": "score.at",
    }
    return rows(
        "How good is each config? Mean of each measure (0 to 1)",
        "With the 95 % interval (low, high), as if questions were independent; a run's page has the one that holds for "
        "questions of the same document. Compare runs of the same dataset, version and split only.",
        Sql(_scores(columns, "measure, score.dataset, mean DESC NULLS LAST, run_id DESC", limit=1000)),
        units={"n: .*": NUMBER},
        urls=OPEN_RUN,
        height=12,
    )


def _over_time() -> PanelBuilder:
    return _series(
        "Does a config get better or worse? Mean of each measure, run by run (0 to 1)",
        "A point a finished run, at the time when it was started; n stands in the next panel.",
        "mean",
        unit=RATIO,
    )


def _items() -> PanelBuilder:
    return _series(
        "On how many items does that rest? n, run by run", "Items with a score of the measure.", "n", unit=NUMBER
    )


def _series(title: str, description: str, value: str, *, unit: str) -> PanelBuilder:
    series = "measure || ', ' || score.config || ', ' || score.dataset"
    columns = {"time": "score.at", "metric": series, "value": value}
    return lines(title, description, Sql(_scores(columns, "score.at, 2, run_id"), is_long=True), unit=unit)


def _scores(columns: dict[str, str], order: str, limit: int = 0) -> str:
    source = f"{SCORES} AS score\n  JOIN reports.evaluation_run AS run USING (run_id)"
    return select(columns, source, where=OF_CONFIG, order=order, limit=limit)
