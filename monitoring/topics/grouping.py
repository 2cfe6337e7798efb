"""Grouping questions by their vectors.

Groups are found by HDBSCAN (Campello et al. 2013; scikit-learn's), which needs no number of groups and leaves alone
what is like nothing else. Its time grows with the square of the questions, so it sees each different question once and
at most a few thousand of them, those that were asked most first; of the rest, a question joins the group whose middle
is nearest, if it is as near as the group's own questions are. What was asked again and again in the same words is a
group even if it is like nothing else. docs/topics.md says how that was chosen and measured.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SIZE = 3  # questions of a group, at least; more where many are compared
MOST_COMPARED = 6_000  # a minute of one core
SEED = 1
_PER_SIZE = 2_000  # different questions for each one more that a group needs
# Cosine to the middle of its group, below which a question is left alone; 1 in 100 of those measured are.
LEAST_SIMILARITY = 0.5
ALONE = -1

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grouping:
    """The group of each question, the largest is 0, ALONE for none; and its cosine to the group's middle, NaN alone."""

    groups: NDArray[np.int64]
    similarities: NDArray[np.float64]
    count: int


def group_questions(vectors: Vectors, questions: Sequence[str]) -> Grouping:
    """Group questions by their vectors, shape (n, d) of length 1. The same input gives the same groups."""
    if not questions:
        return Grouping(np.empty(0, dtype=np.int64), np.empty(0), 0)
    places = first_places(questions)
    firsts, same, counts = np.unique(places, return_inverse=True, return_counts=True)
    distinct = vectors[firsts].astype(np.float64)
    mixed = np.random.default_rng(SEED).permutation(len(distinct))  # or the earliest would be compared
    order = mixed[np.argsort(-counts[mixed], kind="stable")]
    compared, others = order[:MOST_COMPARED], order[MOST_COMPARED:]
    least = max(LEAST_SIZE, len(compared) // _PER_SIZE)
    groups = np.full(len(distinct), ALONE, dtype=np.int64)
    groups[compared] = _cluster(distinct[compared], least)
    _join(groups, distinct, counts, others)
    repeated = (groups == ALONE) & (counts >= least)
    groups[repeated] = np.arange(groups.max() + 1, groups.max() + 1 + repeated.sum())
    groups = _by_size(groups, counts)
    number = int(groups.max()) + 1
    similarities = np.full(len(distinct), np.nan)
    inside = groups != ALONE
    similarities[inside] = (distinct[inside] * _middles(groups, distinct, counts)[groups[inside]]).sum(axis=1)
    return Grouping(groups[same], similarities[same], number)


def first_places(questions: Sequence[str]) -> NDArray[np.int64]:
    """Return for each question where it was asked first, apart from case, blanks and signs."""
    seen: dict[str, int] = {}
    plain = [" ".join(re.findall(r"\w+", text.lower())) or text for text in questions]
    return np.array([seen.setdefault(text, place) for place, text in enumerate(plain)], dtype=np.int64)


def _cluster(vectors: NDArray[np.float64], least: int) -> NDArray[np.int64]:
    if len(vectors) < 2 * least:  # too few to tell groups apart
        return np.full(len(vectors), ALONE, dtype=np.int64)
    # Here, because it takes a second and memory that no other task of the worker needs.
    from sklearn.cluster import HDBSCAN

    method = HDBSCAN(min_cluster_size=least, min_samples=1, cluster_selection_method="eom", copy=True)
    groups = np.asarray(method.fit_predict(vectors), dtype=np.int64)
    if groups.max() == ALONE:
        return groups
    # It may count to a group what only happens to be less far from it than from the others.
    inside = np.flatnonzero(groups != ALONE)
    middles = _middles(groups, vectors, np.ones(len(vectors), dtype=np.int64))
    similarities = (vectors[inside] * middles[groups[inside]]).sum(axis=1)
    groups[inside[similarities < LEAST_SIMILARITY]] = ALONE
    sizes = np.bincount(groups[groups != ALONE], minlength=len(middles))
    groups[(groups != ALONE) & (sizes[groups] < least)] = ALONE
    return np.unique(groups, return_inverse=True)[1] - int(ALONE in groups)


def _join(
    groups: NDArray[np.int64], vectors: NDArray[np.float64], counts: NDArray[np.int64], others: NDArray[np.int64]
) -> None:
    """Put those that were not compared into the nearest group, in place, if they are near enough."""
    if groups.max() == ALONE or not len(others):
        return
    middles = _middles(groups, vectors, counts)
    needed = np.array([(vectors[groups == group] @ middle).min() for group, middle in enumerate(middles)])
    similarities = vectors[others] @ middles.T
    nearest = similarities.argmax(axis=1)
    is_near = similarities[np.arange(len(others)), nearest] >= needed[nearest]
    groups[others[is_near]] = nearest[is_near]


def _middles(groups: NDArray[np.int64], vectors: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean direction of each group; a question counts as often as it was asked."""
    sums = np.zeros((int(groups.max()) + 1, vectors.shape[1]))
    inside = groups != ALONE
    np.add.at(sums, groups[inside], vectors[inside] * counts[inside, None])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, 1e-12), dtype=np.float64)


def _by_size(groups: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number groups anew, the largest first."""
    sizes: Counter[int] = Counter()
    for group, count in zip(groups.tolist(), counts.tolist(), strict=True):
        sizes[group] += count
    del sizes[ALONE]
    largest_first = sorted(sizes, key=lambda group: (-sizes[group], group))
    numbers = {group: number for number, group in enumerate(largest_first)}
    return np.array([numbers.get(group, ALONE) for group in groups.tolist()], dtype=np.int64)
