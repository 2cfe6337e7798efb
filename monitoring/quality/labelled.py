"""Turns that a judge and people labelled by the same criterion: what the quality of a judge is measured on.

A pair is the label of one judge version and that of the reviewers on the same turn. Where two reviewers of a turn
disagree, nobody knows which of them the judge should agree with: the turn is counted apart, as disputed, and left out
of the judge's figures. Those are therefore about turns that people agree on, which are the easier ones; the reviewers'
agreement with each other stands beside them.

Only traffic of people counts by default (USER and API): figures of other origins never mix with it. Turns of deleted
conversations still count, for labels are numbers; their texts are gone. What is not independent is the turns of one
conversation, so that conversations are the clusters.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from django.db.models import QuerySet

from chat.models.conversation import Origin
from monitoring.models import JudgeVersion, Score

LIVE_ORIGINS: tuple[str, ...] = (Origin.USER, Origin.API)


@dataclass(frozen=True, slots=True)
class LabelledTurn:
    """What a judge and the reviewers said of one turn."""

    turn_id: int
    conversation_id: UUID
    judge_label: str
    reviewer_label: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labelled turns of a judge version, and those that two reviewers labelled differently."""

    turns: tuple[LabelledTurn, ...] = ()
    disputed: int = 0


@dataclass(frozen=True, slots=True)
class DoubleLabel:
    """What two reviewers, blind to each other, said of one turn; first the one who labelled it first."""

    turn_id: int
    conversation_id: UUID
    first: str
    second: str


def labelled_turns(version: JudgeVersion, *, origins: Sequence[str] = LIVE_ORIGINS) -> Labelled:
    """Return what is known of one version of a judge. Two queries."""
    return labelled_by_version([version], origins=origins)[version.pk]


def labelled_by_version(
    versions: Iterable[JudgeVersion], *, origins: Sequence[str] = LIVE_ORIGINS
) -> dict[int, Labelled]:
    """Return what is known of several versions of judges, by their ids. Two queries for all of them."""
    wanted = {version.pk: version for version in versions}
    labels = _reviewers_labels({version.criterion for version in wanted.values()}, origins)
    verdicts = (
        Score.objects.by_judges()
        .valued()
        .filter(judge_version__in=wanted, turn__in={turn_id for turn_id, _ in labels})
        .exclude(label="")
        .order_by("turn_id")
        .values_list("judge_version_id", "turn_id", "turn__conversation_id", "name", "label")
    )
    turns: dict[int, list[LabelledTurn]] = defaultdict(list)
    disputed: dict[int, int] = defaultdict(int)
    for version_id, turn_id, conversation_id, name, label in verdicts:
        given = labels.get((turn_id, name), ())
        if version_id is None or not given:
            continue
        if len(set(given)) > 1:
            disputed[version_id] += 1
        else:
            turns[version_id].append(LabelledTurn(turn_id, conversation_id, label, given[0]))
    return {pk: Labelled(tuple(turns[pk]), disputed[pk]) for pk in wanted}


def doubly_labelled(criterion: str, *, origins: Sequence[str] = LIVE_ORIGINS) -> list[DoubleLabel]:
    """Return each two labels that different reviewers gave the same turn. One query."""
    found: dict[tuple[int, UUID], list[str]] = defaultdict(list)
    rows = _reviews({criterion}, origins).values_list("turn_id", "turn__conversation_id", "label")
    for turn_id, conversation_id, label in rows:
        found[turn_id, conversation_id].append(label)
    return [
        DoubleLabel(turn_id, conversation_id, first, second)
        for (turn_id, conversation_id), labels in found.items()
        for first, second in combinations(labels, 2)
    ]


def _reviewers_labels(criteria: set[str], origins: Sequence[str]) -> Mapping[tuple[int, str], list[str]]:
    """Return all reviewers' labels by turn and criterion. One query."""
    labels: dict[tuple[int, str], list[str]] = defaultdict(list)
    for turn_id, name, label in _reviews(criteria, origins).values_list("turn_id", "name", "label"):
        labels[turn_id, name].append(label)
    return labels


def _reviews(criteria: set[str], origins: Sequence[str]) -> QuerySet[Score]:
    reviews = Score.objects.by_reviewers().filter(name__in=criteria, turn__origin__in=origins).exclude(label="")
    return reviews.order_by("turn_id", "created_at", "pk")
