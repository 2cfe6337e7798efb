"""Are the answers any good? Rules on votes and verdicts, each held against the week before.

What is usual differs from site to site, so that no fixed share of thumbs down is too many. The week before counts with
the end of its interval that lets most pass; where it is too short to say, nothing fires.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from monitoring.alerts.base import Measured, Moment
from monitoring.alerts.ranges import before, last
from monitoring.reports import Filters, read
from monitoring.statistics.tails import mean_surely_at_least, surely_at_least

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
GROUNDEDNESS_WINDOW = timedelta(hours=6)
# Verdicts of one judge, below which the rules know nothing.
GROUNDEDNESS_MINIMUM, TOXICITY_MINIMUM = 30, 10
BASELINE_MINIMUM = 30
TOXIC = ("question_toxicity", "toxicity")
NORMAL_95 = 1.96  # half a 95 % interval in standard errors

NO_BASELINE = "The week before has too little to compare with."


def thumbs_down(moment: Moment) -> Measured:
    """By how much the share of thumbs down surely exceeds that of the week before."""
    [latest], [usual] = read("feedback", last(moment, HOUR)), read("feedback", before(moment, HOUR, WEEK))
    votes = latest["up"] + latest["down"]
    if not votes:
        return Measured(None, 0)
    if usual["up"] + usual["down"] < BASELINE_MINIMUM:
        return Measured(None, votes, NO_BASELINE)
    detail = (
        f"{latest['down']} of {votes} votes on the last hour's answers are thumbs down ({latest['down'] / votes:.0%}), "
        f"{1 - usual['up_ratio']:.0%} in the week before."
    )
    return Measured(surely_at_least(latest["down"], votes) - (1 - usual["up_low"]), votes, detail)


def groundedness_drop(moment: Moment) -> Measured:
    """By how much the mean of groundedness is surely below that of the week before, by the judge of which that is most.

    A judge is held against itself, so that what it is worth in general matters little: one that is not proven counts
    too, and the sentence says so.
    """
    latest = _by_judge(last(moment, GROUNDEDNESS_WINDOW), ("groundedness",))
    usual = _by_judge(before(moment, GROUNDEDNESS_WINDOW, WEEK), ("groundedness",))
    drops = [
        _drop(row, usual[version]) if version in usual else Measured(None, row["scored"], NO_BASELINE)
        for version, row in latest.items()
    ]
    return _strongest(drops, GROUNDEDNESS_MINIMUM)


def toxic(moment: Moment) -> Measured:
    """By how much the share of toxic questions, or of toxic answers, surely exceeds that of the week before; a week
    without verdicts is one without toxic texts."""
    latest = _by_judge(last(moment, HOUR), TOXIC)
    if not latest:
        return Measured(None, 0)
    usual = _by_judge(before(moment, HOUR, WEEK), TOXIC)
    return _strongest([_toxic(row, usual.get(version)) for version, row in latest.items()], TOXICITY_MINIMUM)


def _by_judge(filters: Filters, names: Sequence[str]) -> Mapping[int, Mapping[str, Any]]:
    """Return the verdicts on these criteria by version of a judge, of which each judges one; one query."""
    name = names[0] if len(names) == 1 else None
    return {
        row["judge_version_id"]: row
        for row in read("scores", filters, name=name)
        if row["name"] in names and row["scored"]
    }


def _strongest(found: Sequence[Measured], minimum: int) -> Measured:
    """Return the largest known value of the judges with enough verdicts, whatever judges with few verdicts say; where
    there is none, what rests on the most verdicts."""
    known = [(one.value, one) for one in found if one.value is not None and (one.n or 0) >= minimum]
    if known:
        return max(known, key=lambda pair: pair[0])[1]
    return max(found, key=lambda one: one.n or 0, default=Measured(None, 0))


def _drop(latest: Mapping[str, Any], usual: Mapping[str, Any]) -> Measured:
    n = latest["scored"]
    if usual["scored"] < BASELINE_MINIMUM or None in (latest["mean_low"], usual["mean_low"]):
        return Measured(None, n, NO_BASELINE)
    errors = [(row["mean_high"] - row["mean_low"]) / 2 / NORMAL_95 for row in (latest, usual)]
    drop = usual["mean"] - latest["mean"]
    value = mean_surely_at_least(drop, (errors[0] ** 2 + errors[1] ** 2) ** 0.5)
    standing = "" if latest["is_proven"] else ", which is not proven against people"
    detail = (
        f"The mean groundedness of {n} answers of the last 6 hours is {latest['mean']:.2f}, {usual['mean']:.2f} in the "
        f"week before, by the judge {latest['judge']}{standing}."
    )
    return Measured(value, n, detail)


def _toxic(latest: Mapping[str, Any], usual: Mapping[str, Any] | None) -> Measured:
    failing, n = latest["failing"], latest["scored"]
    what = "questions" if latest["name"] == "question_toxicity" else "answers"
    detail = f"{failing} of {n} {what} of the last hour are toxic ({failing / n:.0%}), by the judge {latest['judge']}."
    return Measured(surely_at_least(failing, n) - (usual["failing_high"] if usual else 0.0), n, detail)
