"""Does it cost more than it should?"""

from datetime import timedelta

from monitoring.alerts.base import Measured, Moment
from monitoring.alerts.ranges import before, last
from monitoring.reports import read
from monitoring.statistics.tails import mean_surely_at_least

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
BASELINE_MINIMUM = 30
NORMAL_95 = 1.96  # half a 95 % interval in standard errors


def cost_spike(moment: Moment) -> Measured:
    """How many times as much as in the week before an answer surely costs."""
    [latest], [usual] = read("answer_cost", last(moment, HOUR)), read("answer_cost", before(moment, HOUR, WEEK))
    n = latest["known"]
    if not n or latest["usd_per_answer_low"] is None:
        return Measured(None, n)
    if usual["known"] < BASELINE_MINIMUM or not usual["usd_per_answer"]:
        return Measured(None, n, "The week before has too little to compare with, or cost nothing.")
    mean, usually = float(latest["usd_per_answer"]), float(usual["usd_per_answer"])
    error = (mean - float(latest["usd_per_answer_low"])) / NORMAL_95
    detail = f"An answer of the last hour cost ${mean:.6f} in the mean of {n}, ${usually:.6f} in the week before."
    return Measured(mean_surely_at_least(mean, error) / usually, n, detail)
