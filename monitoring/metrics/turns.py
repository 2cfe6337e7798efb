"""Traffic and errors: how many questions were asked and what became of them, over all time."""

from collections.abc import Iterator

from django.db import connection
from django.utils import timezone
from prometheus_client.metrics_core import Metric

from monitoring.metrics.families import counter, gauge
from monitoring.metrics.totals import rows_of_all_time
from monitoring.metrics.windows import WINDOWS

TURNS_SQL = """
SELECT origin,
       sum(answers - stopped), sum(stopped), sum(failed - interrupted), sum(interrupted),
       sum(conversations), sum(refusals), sum(degraded),
       sum(searched), sum(empty), sum(hits), sum(citations), sum(removed_citations)
  FROM reports.turn_parts(%(since)s, %(until)s, '1 day')
 GROUP BY origin
"""
OUTCOMES = ("answered", "stopped", "failed", "interrupted")
COUNTERS = (
    ("ragsite_conversations_total", "Conversations that were begun."),
    ("ragsite_turns_refused_total", "Answers that say that nothing was found."),
    ("ragsite_turns_degraded_total", "Questions on whose way something was left out or replaced."),
    ("ragsite_searches_total", "Searches for a question."),
    ("ragsite_searches_empty_total", "Searches that found nothing."),
    ("ragsite_hits_total", "Chunks that searches found."),
    ("ragsite_citations_total", "Hits that answers cite."),
    ("ragsite_citations_removed_total", "Citations of hits that do not exist, which were taken out."),
)

ERRORS_SQL = """
SELECT origin, coalesce(nullif(error_code, ''), lower(status)), count(*)
  FROM reports.turn
 WHERE created_at >= %(since)s
   AND is_failed
 GROUP BY 1, 2
"""


def collect() -> Iterator[Metric]:
    totals: dict[str, list[int]] = {}
    for origin, *counts in rows_of_all_time("turns", TURNS_SQL):
        totals[origin] = [
            old + int(new) for old, new in zip(totals.get(origin, [0] * len(counts)), counts, strict=True)
        ]
    yield counter(
        "ragsite_turns_total",
        "Questions that are finished, by outcome.",
        (
            ({"origin": origin, "outcome": outcome}, count)
            for origin, counts in totals.items()
            for outcome, count in zip(OUTCOMES, counts, strict=False)
        ),
    )
    for place, (name, text) in enumerate(COUNTERS, start=len(OUTCOMES)):
        yield counter(name, text, (({"origin": origin}, counts[place]) for origin, counts in totals.items()))
    yield from _errors()


def _errors() -> Iterator[Metric]:
    """Yield the kinds of errors of the last hour, as roll-ups do not keep them; one query."""
    with connection.cursor() as cursor:
        cursor.execute(ERRORS_SQL, {"since": timezone.now() - WINDOWS["1h"]})
        rows = cursor.fetchall()
    yield gauge(
        "ragsite_turn_errors",
        "Questions of the last hour that got no answer, by the code of the error.",
        (({"origin": origin, "window": "1h", "code": code}, count) for origin, code, count in rows),
    )
