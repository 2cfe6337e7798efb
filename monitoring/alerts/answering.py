"""Do people get answers, and soon? Rules on errors and on the wait for the first word."""

from datetime import timedelta

from django.conf import settings
from django.db import connection

from monitoring.alerts.base import Measured, Moment
from monitoring.alerts.ranges import last
from monitoring.reports import read
from monitoring.statistics.tails import surely_at_least

WINDOW = timedelta(hours=1)

# The facts, and not `reports.latency`: a quantile of few answers has no lower end, the share of slow ones has.
SLOW_SQL = """
SELECT count(*) FILTER (WHERE first_token_seconds > %(slow_seconds)s), count(first_token_seconds)
  FROM reports.turn
 WHERE created_at >= %(since)s
   AND created_at < %(until)s
   AND origin = %(origin)s
   AND (%(collection_id)s::bigint IS NULL OR collection_id = %(collection_id)s)
"""


def failing_answers(moment: Moment) -> Measured:
    """The share of finished turns that failed or were interrupted, surely."""
    [row] = read("turns", last(moment, WINDOW))
    failed, finished = row["failed"], row["failed"] + row["answers"]
    if not finished:
        return Measured(None, 0)
    detail = f"{failed} of {finished} questions of the last hour got no answer ({failed / finished:.0%})."
    return Measured(surely_at_least(failed, finished), finished, detail)


def slow_first_words(moment: Moment) -> Measured:
    """The share of answers whose first word took longer than FIRST_TOKEN_SLOW_SECONDS, surely: more than 0.05 says that
    the 95th percentile is above."""
    limit = settings.FIRST_TOKEN_SLOW_SECONDS
    filters = last(moment, WINDOW)
    with connection.cursor() as cursor:
        cursor.execute(
            SLOW_SQL,
            {
                "slow_seconds": limit,
                "since": filters.since,
                "until": filters.until,
                "origin": filters.origin,
                "collection_id": filters.collection_id,
            },
        )
        slow, answers = cursor.fetchone()
    if not answers:
        return Measured(None, 0)
    detail = f"{slow} of {answers} answers of the last hour began after more than {limit:g} s ({slow / answers:.0%})."
    return Measured(surely_at_least(slow, answers), answers, detail)
