"""The truth file: what was planted, as figures with the interval that each must lie in, and incidents with the alert
that must find them. JSON, so that other tools can check against it too.

A count or a sum is known exactly. A share or a mean has a planted probability for each turn; the interval around its
mean is that of the normal distribution, wide enough that of all figures of a file together one is off by chance in one
of a hundred worlds (Bonferroni). A quantile may be off by what the reports' histograms may be.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scipy.special import ndtri

from chat.models.conversation import Origin
from monitoring.exceptions import TrafficError
from monitoring.synthetic.traffic import profiles
from monitoring.synthetic.traffic.dividing import KPI
from monitoring.synthetic.traffic.evidence import Evidence
from monitoring.synthetic.traffic.groups import CONFIG
from monitoring.synthetic.traffic.incidents import ALERTS, Incident
from monitoring.synthetic.traffic.prices import COST_SCALE
from monitoring.synthetic.traffic.reactions import thumbs_up_of
from monitoring.synthetic.traffic.tally import Cell, Chance, Tally, quantile
from monitoring.synthetic.traffic.writing import Writing

VERSION = 3
CHANCE = 0.01  # that a figure of a file is off though all is right
QUANTILES = {"p50_seconds": 0.5, "p95_seconds": 0.95}
QUANTILE_OFF = 0.055  # what a histogram may be off, and a step of ours
# An effect of so many errors is found whatever chance does: an interval that holds at all looks takes three on either
# side, chance two more, and votes of one user are alike, which makes errors larger by a quarter than those of votes.
CERTAIN = 6.5
# Of fewer, those few who vote most may outweigh all others.
MANY_USERS = 1000
_FIGURE_KEYS = {"report", "figure", "by", "key", "name", "source", "kind", "planted", "low", "high", "realised", "n"}
_EXPERIMENT_KEYS = {"id", "effect", "verdict"}
_INCIDENT_KEYS = {"kind", "begin", "end", "alert", "may_also_raise", "observations", "takes"}
_QUANTILE_MIN = 200  # of fewer, neighbouring values are further apart than that


def truth_of(tally: Tally) -> dict[str, Any]:
    """Return all that was planted in a world, and what came of it."""
    writing = tally.writing
    if writing is None or tally.evidence is None:
        raise TrafficError("Nothing was counted.")
    world = writing.world
    arguments = world.arguments
    figures = [*_counts(tally), *_chances(tally), *_latencies(tally)]
    return {
        "version": VERSION,
        "origin": Origin.SYNTHETIC.value,
        "arguments": {
            "days": arguments.days,
            "turns": arguments.turns,
            "seed": arguments.seed,
            "until": arguments.until.isoformat(),
            "zone": arguments.zone,
            "quiet": arguments.quiet,
            "effect": arguments.effect,
            "users": arguments.users,
        },
        "since": _time(world.since),
        "until": _time(world.until),
        "calls_until": _time(tally.last_call + 1.0),
        "planted": _planted(writing),
        "experiments": list(_experiments(tally)),
        "figures": figures,
        "incidents": [_incident(incident, tally.evidence) for incident in world.incidents],
    }


def _incident(incident: Incident, evidence: Evidence) -> dict[str, Any]:
    alert, *others = ALERTS[incident.kind]
    seen = evidence.of(incident)
    return {
        **incident.as_dict(),
        "alert": alert,
        "may_also_raise": others,
        "observations": seen.n,
        "takes": seen.takes,
    }


def write_truth(path: Path, truth: dict[str, Any]) -> None:
    path.write_text(json.dumps(truth, indent=1) + "\n")


def read_truth(path: Path) -> dict[str, Any]:
    """Return what a truth file says. Raises TrafficError for a file that is none, or of another version."""
    try:
        truth = json.loads(path.read_text())
    except OSError as error:
        raise TrafficError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise TrafficError(f"{path} is no JSON; simulate_traffic --truth writes such a file.") from error
    if not isinstance(truth, dict) or truth.get("version") != VERSION or not _is_whole(truth):
        raise TrafficError(f"{path} is no truth file of version {VERSION}; write it anew by simulate_traffic --truth.")
    return truth


def _is_whole(truth: dict[str, Any]) -> bool:
    """Whether all is there that is checked: what is missing from a file would be found right in silence."""
    try:
        for name in ("since", "until", "calls_until"):
            datetime.fromisoformat(truth[name])
        ZoneInfo(truth["arguments"]["zone"])
        return (
            truth["origin"] in Origin.values
            and bool(truth["figures"])
            and all(one.keys() == _FIGURE_KEYS for one in truth["figures"])
            and all(one.keys() >= _EXPERIMENT_KEYS for one in truth["experiments"])
            and all(one.keys() >= _INCIDENT_KEYS for one in truth["incidents"])
            and all("judge_version" in one for one in truth["planted"]["judges"])
        )
    except (KeyError, TypeError, ValueError, AttributeError, ZoneInfoNotFoundError):
        return False


def _planted(writing: Writing) -> dict[str, Any]:
    """Return the parameters, for people; figures are checked by their own probabilities."""
    world, standing = writing.world, writing.standing
    weakest = int(world.topic_factors.argmax())
    return {
        "users": len(world.people.names),
        "variants": {
            "control": standing.config_ids[profiles.CONTROL],
            "challenger": standing.config_ids[profiles.CHALLENGER],
            "challenger_share": profiles.CHALLENGER_SPLIT,
            "challenger_users": int(world.people.is_challenger.sum()),
        },
        "configs": [
            {
                "id": config_id,
                "name": f"{config.name} v{config.version}",
                "thumbs_up_if_good": float(thumbs_up),
                "ungrounded": config.ungrounded,
            }
            for config_id, config, thumbs_up in zip(
                standing.config_ids, profiles.CONFIGS, thumbs_up_of(world), strict=True
            )
        ],
        "judges": [
            {
                "judge_version": version_id,
                "criterion": judge.criterion,
                "sensitivity": judge.sensitivity,
                "specificity": judge.specificity,
                "rate": judge.rate,
            }
            for version_id, judge in zip(standing.version_ids, profiles.JUDGES, strict=True)
        ],
        "models": [
            {"name": model.name, "failure": model.failure, "first_token_median_seconds": model.wait_median}
            for model in profiles.MODELS
        ],
        "weakest_topic": world.library.topics[weakest],
        "toxic_user": world.people.names[-1],
    }


def _experiments(tally: Tally) -> Iterator[dict[str, Any]]:
    """Yield the A/B test: the planted figure of each variant, and the verdict where a right one can be expected."""
    if tally.writing is None or tally.writing.divided is None:
        return
    ids = tally.writing.standing.config_ids
    control, challenger = (
        tally.chances.get((Cell("feedback", CONFIG, str(ids[place])), KPI), Chance())
        for place in (profiles.CONTROL, profiles.CHALLENGER)
    )
    if not control.n or not challenger.n:
        return
    effect = challenger.expected / challenger.n - control.expected / control.n
    error = (control.variance / control.n**2 + challenger.variance / challenger.n**2) ** 0.5
    yield {
        "id": tally.writing.divided.experiment_id,
        "kpi": KPI,
        "control": control.expected / control.n,
        "challenger": challenger.expected / challenger.n,
        "effect": effect,
        "realised": challenger.realised / challenger.n - control.realised / control.n,
        "n": control.n + challenger.n,
        "verdict": _right_verdict(effect, error, len(tally.writing.world.people.names)),
    }


def _right_verdict(effect: float, error: float, users: int) -> str:
    """Return what must be said; empty where chance may hide it, or where there is nothing to find."""
    if users < MANY_USERS or abs(effect) <= CERTAIN * error:
        return ""
    return "better" if effect > 0 else "worse"


def _counts(tally: Tally) -> Iterator[dict[str, Any]]:
    for cell, counts in tally.counts.items():
        for figure, count in counts.items():
            is_cost = figure.endswith("_usd")
            value = count / COST_SCALE if is_cost else count
            yield _figure(cell, figure, "sum" if is_cost else "count", value, value, value, value)


def _chances(tally: Tally) -> Iterator[dict[str, Any]]:
    known = {place: chance for place, chance in tally.chances.items() if chance.n}
    width = -float(ndtri(CHANCE / 2 / max(len(known), 1)))
    for (cell, figure), chance in known.items():
        planted = chance.expected / chance.n
        low, high = _ends(chance, width)
        kind = "corrected" if figure == "corrected_ratio" else "chance"
        yield _figure(cell, figure, kind, planted, low, high, chance.realised / chance.n, chance.n)


def _ends(chance: Chance, width: float) -> tuple[float, float]:
    """Return where a mean of things between 0 and 1 lies. Half a thing more, as it comes in whole ones, and what a rare
    thing is more often than the normal distribution says."""
    off = (width * chance.variance**0.5 + 0.5 + width**2 / 6) / chance.n
    planted = chance.expected / chance.n
    return max(planted - off, 0.0), min(planted + off, 1.0)


def _latencies(tally: Tally) -> Iterator[dict[str, Any]]:
    for cell, counts in tally.latencies.items():
        n = int(counts.sum())
        yield _figure(cell, "n", "count", n, n, n, n)
        for figure, share in QUANTILES.items():
            value = quantile(counts, share)
            if value is not None and n >= _QUANTILE_MIN:
                ends = value * (1 - QUANTILE_OFF), value * (1 + QUANTILE_OFF)
                yield _figure(cell, figure, "quantile", value, *ends, value, n)


def _figure(
    cell: Cell, figure: str, kind: str, planted: float, low: float, high: float, realised: float, n: int | None = None
) -> dict[str, Any]:
    return {
        "report": cell.report,
        "figure": figure,
        "by": cell.by,
        "key": cell.key,
        "name": cell.name,
        "source": cell.source,
        "kind": kind,
        "planted": planted,
        "low": low,
        "high": high,
        "realised": realised,
        "n": n,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
