"""How many turns a labelled one stands for: people do not review turns at random, but those that were flagged.

A judge looks better or worse on flagged turns than on all, so that shares of all traffic need weights:

sample    The turns of the random sample (Flag.Reason.SAMPLE) were drawn whatever anybody said of them, each with the
          weight 1 / rate of its draw. They alone are used as soon as they have enough failing and other turns, and
          nothing has to be assumed but that the sample is reviewed like the rest.
strata    Else all labelled turns are used. The judged turns are divided by what the judge said (failing or not) and by
          whether the conversation was flagged for another reason than the sample; a labelled turn stands for the judged
          turns of its stratum, divided by the labelled ones (inverse probability). This takes it that within a stratum
          nobody chose turns by whether the judge is right about them. Where a stratum has judged turns and no labelled
          one, nothing is known of it, and there are no weights.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db.models import Count

from monitoring.judges.criteria import Criterion
from monitoring.models import Flag, JudgeVersion, Score
from monitoring.quality.labelled import LIVE_ORIGINS, LabelledTurn

Basis = Literal["sample", "strata"]
# With fewer failing turns, or fewer others, in the random sample it says less than all labels do.
SAMPLE_MIN = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said of all turns: by conversation, how many it called failing, and how many it judged."""

    counts: Mapping[UUID, tuple[int, int]]
    flagged: frozenset[UUID]  # conversations with another flag than that of the sample

    @property
    def failing(self) -> int:
        return sum(failing for failing, _ in self.counts.values())

    @property
    def total(self) -> int:
        return sum(total for _, total in self.counts.values())


@dataclass(frozen=True, slots=True)
class Weighted:
    """Labelled turns with their weights; `basis` says how they come about. No turns: `reason` says why."""

    turns: tuple[LabelledTurn, ...] = ()
    weights: tuple[float, ...] = ()
    basis: Basis = "strata"
    reason: str = ""


def judged_turns(version: JudgeVersion, criterion: Criterion, *, origins: Sequence[str] = LIVE_ORIGINS) -> Judged:
    """Return what a version said of all turns it labelled. Two queries."""
    rows = (
        Score.objects.by_judges()
        .valued()
        .filter(judge_version=version, turn__origin__in=origins)
        .exclude(label="")
        .order_by()
        .values_list("turn__conversation_id", "label")
        .annotate(turns=Count("pk"))
    )
    counts: dict[UUID, tuple[int, int]] = {}
    for conversation_id, label, turns in rows:
        failing, total = counts.get(conversation_id, (0, 0))
        counts[conversation_id] = (failing + (turns if criterion.is_failing(label) else 0), total + turns)
    flags = Flag.objects.exclude(reason=Flag.Reason.SAMPLE).filter(turn__origin__in=origins).order_by()
    flagged = set(flags.values_list("turn__conversation_id", flat=True).distinct())
    return Judged(counts, frozenset(flagged & counts.keys()))


def weigh(turns: Sequence[LabelledTurn], judged: Judged, criterion: Criterion) -> Weighted:
    """Return labelled turns with weights by which they stand for all judged ones. One query."""
    sample = dict(
        Flag.objects.filter(reason=Flag.Reason.SAMPLE, turn__in=[turn.turn_id for turn in turns]).values_list(
            "turn_id", "weight"
        )
    )
    drawn = [turn for turn in turns if turn.turn_id in sample]
    failing = sum(criterion.is_failing(turn.reviewer_label) for turn in drawn)
    if min(failing, len(drawn) - failing) >= SAMPLE_MIN:
        return Weighted(tuple(drawn), tuple(sample[turn.turn_id] for turn in drawn), "sample")
    return _by_strata(turns, judged, criterion)


def _by_strata(turns: Sequence[LabelledTurn], judged: Judged, criterion: Criterion) -> Weighted:
    size: Counter[tuple[bool, bool]] = Counter()
    for conversation_id, (failing, total) in judged.counts.items():
        size[True, conversation_id in judged.flagged] += failing
        size[False, conversation_id in judged.flagged] += total - failing
    strata = [(criterion.is_failing(turn.judge_label), turn.conversation_id in judged.flagged) for turn in turns]
    labelled = Counter(strata)
    unknown = [stratum for stratum, judged_there in size.items() if judged_there and not labelled[stratum]]
    if unknown:
        is_failing, is_flagged = max(unknown, key=lambda stratum: size[stratum])
        said = "failing" if is_failing else "not failing"
        where = "flagged" if is_flagged else "unflagged"
        reason = (
            f"None of the {size[is_failing, is_flagged]:,} turns of {where} conversations that the judge calls {said} "
            "has a label, so nothing is known of them."
        )
        return Weighted(reason=reason)
    return Weighted(tuple(turns), tuple(size[stratum] / labelled[stratum] for stratum in strata))
