"""How well a judge agrees with people: confusion matrix, kappa, sensitivity, specificity and agreement.

Formula   kappa: see monitoring.statistics.kappa, over all labels, none nearer to another
          sensitivity: of the turns that people call failing, the share that the judge calls failing
          specificity: of the others, the share that the judge does not call failing
          agreement: the share of turns with the same label
Interval  95 %, clustered by conversation
Empty     no figure, and the reason
Source    equal to scikit-learn's cohen_kappa_score, recall_score, confusion_matrix and accuracy_score to 1e-9, which
          the tests show; it is not asked itself, because loading it takes seconds

Weights say how many turns a labelled one stands for, see weighting.py; without, each stands for itself.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.judges.criteria import Criterion
from monitoring.quality.figures import NO_LABELS, Figure, figure
from monitoring.quality.labelled import LabelledTurn
from monitoring.statistics.clusters import Floats
from monitoring.statistics.intervals import share_interval
from monitoring.statistics.kappa import kappa_interval

ONE_LABEL = "All labels are the same, so that chance alone would agree as well."


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is known of a judge by labelled turns. `confusion[i][j]`: turns that people label i and the judge j."""

    labels: tuple[str, ...]
    failing: frozenset[str]
    confusion: tuple[tuple[int, ...], ...]
    turns: int
    conversations: int
    kappa: Figure
    failing_kappa: Figure  # of failing or not
    sensitivity: Figure
    specificity: Figure
    agreement: Figure

    @property
    def failing_turns(self) -> int:
        """How many turns people call failing."""
        return sum(sum(row) for label, row in zip(self.labels, self.confusion, strict=True) if label in self.failing)


@dataclass(frozen=True, slots=True)
class Tables:
    """One table of counts for each conversation: conversations x reviewers' labels x judge's labels."""

    labels: tuple[str, ...]
    weighted: Floats
    counted: NDArray[np.int64]  # turns in all, without weights


def measure_agreement(
    turns: Sequence[LabelledTurn], criterion: Criterion, *, weights: Sequence[float] | None = None
) -> Agreement:
    """Hold a judge against people. `weights`: one for each turn."""
    pairs = [(turn.reviewer_label, turn.judge_label) for turn in turns]
    tables = tables_of(pairs, [turn.conversation_id for turn in turns], criterion, weights=weights)
    failing = np.asarray([criterion.is_failing(label) for label in tables.labels], bool)
    weighted, counted = tables.weighted, tables.counted
    bad, good = weighted[:, failing].sum(axis=1), weighted[:, ~failing].sum(axis=1)
    n, n_bad = int(counted.sum()), int(counted[failing].sum())
    return Agreement(
        labels=tables.labels,
        failing=criterion.failing,
        confusion=tuple(tuple(int(count) for count in row) for row in counted),
        turns=n,
        conversations=len(weighted),
        kappa=kappa_figure(weighted, n),
        failing_kappa=kappa_figure(two_by_two(weighted, failing), n),
        sensitivity=figure(
            share_interval(bad[:, failing].sum(axis=1), bad.sum(axis=1), n=n_bad),
            otherwise="People called no turn failing." if n else NO_LABELS,
            one_cluster="All failing turns are of one conversation, which says nothing of others.",
        ),
        specificity=figure(
            share_interval(good[:, ~failing].sum(axis=1), good.sum(axis=1), n=n - n_bad),
            otherwise="People called all turns failing." if n else NO_LABELS,
            one_cluster="All turns that are not failing are of one conversation, which says nothing of others.",
        ),
        agreement=figure(
            share_interval(np.trace(weighted, axis1=1, axis2=2), weighted.sum(axis=(1, 2)), n=n), otherwise=NO_LABELS
        ),
    )


def kappa_figure(tables: Floats, n: int) -> Figure:
    """Return kappa as a figure, of tables by conversation with `n` pairs of labels."""
    return figure(kappa_interval(tables, n=n), otherwise=ONE_LABEL if n else NO_LABELS)


def tables_of(
    pairs: Sequence[tuple[str, str]],
    clusters: Sequence[Hashable],
    criterion: Criterion,
    *,
    weights: Sequence[float] | None = None,
) -> Tables:
    """Count pairs of labels by cluster. A label that the criterion does not have (any more) is kept, at the end."""
    unknown = sorted({label for pair in pairs for label in pair} - set(criterion.labels))
    labels = (*criterion.labels, *unknown)
    places = {label: place for place, label in enumerate(labels)}
    numbers: dict[Hashable, int] = {}
    rows = [numbers.setdefault(cluster, len(numbers)) for cluster in clusters]
    firsts, seconds = [places[first] for first, _ in pairs], [places[second] for _, second in pairs]
    weighted = np.zeros((len(numbers), len(labels), len(labels)), np.float64)
    counted = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(weighted, (rows, firsts, seconds), 1.0 if weights is None else np.asarray(weights, np.float64))
    np.add.at(counted, (firsts, seconds), 1)
    return Tables(labels, weighted, counted)


def two_by_two(tables: Floats, failing: NDArray[np.bool_]) -> Floats:
    """Return tables of failing or not instead of labels."""
    groups = np.stack([failing, ~failing]).astype(np.float64)
    return np.asarray(groups @ tables @ groups.T, np.float64)
