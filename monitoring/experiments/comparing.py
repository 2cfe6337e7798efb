"""Blind comparisons: who is shown which two answers, and what was picked. Writes comparisons and preferences.

Which pair is next, and which answer stands left, is computed from the rows and a hash of the person and the pair, and
stored nowhere: a page that is loaded again shows the same, and nobody sees a pair twice. The pair of runs with the
fewest picks comes first, and of its questions one with the fewest, so that all pairs get about as many.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import MD5
from django.utils import timezone

from chat.models import Turn
from monitoring.exceptions import ComparisonError
from monitoring.models import Comparison, EvaluationItem, EvaluationRun, Experiment, Preference

MOST_RUNS = 6  # 15 pairs of runs: more would need more picks than people give
ANSWERED = [Turn.Status.DONE, Turn.Status.STOPPED]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one question, by the ids of their evaluation items, the smaller run first."""

    first: int
    second: int
    runs: tuple[int, int]

    @property
    def key(self) -> frozenset[int]:
        return frozenset((self.first, self.second))


@dataclass(frozen=True, slots=True)
class Pool:
    """All pairs of a comparison. `same` counts by runs the questions to which both gave the same answer: nobody is
    asked about these."""

    pairs: tuple[Pair, ...]
    same: dict[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person is asked: which of these two. `done` pairs of `total` are picked, which is how many there are for
    this person."""

    left: EvaluationItem | None  # None: nothing is left
    right: EvaluationItem | None
    done: int
    total: int


def comparable_runs() -> Any:
    """Return the runs that have answers, newest first."""
    answers = EvaluationItem.objects.filter(run=OuterRef("pk"), turn__isnull=False)
    return EvaluationRun.objects.for_list().filter(Exists(answers), kind=EvaluationRun.Kind.ANSWER)


def create_comparison(
    *,
    name: str,
    runs: Sequence[EvaluationRun],
    is_open_to_users: bool = False,
    experiment: Experiment | None = None,
    user: Any = None,
) -> Comparison:
    """Make a comparison. Raises ComparisonError for runs that have no question in common."""
    check_runs(runs)
    with transaction.atomic():
        comparison = Comparison.objects.create(
            name=name, is_open_to_users=is_open_to_users, experiment=experiment, created_by=user
        )
        comparison.runs.set(runs)
    return comparison


def check_runs(runs: Sequence[EvaluationRun]) -> None:
    """Raise ComparisonError unless people can compare the answers of these runs."""
    if not 2 <= len(runs) <= MOST_RUNS:
        raise ComparisonError(f"A comparison needs two runs or more, at most {MOST_RUNS}; {len(runs)} were chosen.")
    if len({run.dataset_id for run in runs}) > 1:
        raise ComparisonError("The runs are on different datasets: choose runs that asked the same questions.")
    if without := [str(run.pk) for run in runs if run.kind != EvaluationRun.Kind.ANSWER]:
        raise ComparisonError(f"Run {', '.join(without)} only searched and has no answers to compare.")
    pool = _pool([run.pk for run in runs])
    if not pool.pairs:
        if pool.same:
            raise ComparisonError("The runs gave the same answers to all their common questions: nothing to compare.")
        raise ComparisonError("The runs have no answered question in common.")


def close_comparison(*, comparison: Comparison) -> None:
    """Let nobody pick any more."""
    Comparison.objects.filter(pk=comparison.pk, closed_at__isnull=True).update(closed_at=timezone.now())


def reopen_comparison(*, comparison: Comparison) -> None:
    """Let people pick again."""
    Comparison.objects.filter(pk=comparison.pk).update(closed_at=None)


def open_to_users(*, comparison: Comparison, is_open: bool) -> None:
    """Let everybody who may chat pick, or reviewers only."""
    Comparison.objects.filter(pk=comparison.pk).update(is_open_to_users=is_open)


def next_pair(*, comparison: Comparison, user: Any) -> Shown:
    """Return what this person is asked next. Five queries."""
    pairs = pool_of(comparison).pairs
    picked = [
        (frozenset((left, right)), user_id)
        for left, right, user_id in comparison.preferences.values_list("left_id", "right_id", "user_id")
    ]
    own = {key for key, user_id in picked if user_id == user.pk}
    left_over = [pair for pair in pairs if pair.key not in own]
    done = len(pairs) - len(left_over)
    if not left_over:
        return Shown(None, None, done, len(pairs))
    of_pair = Counter(key for key, _ in picked)
    of_runs: Counter[tuple[int, int]] = Counter()
    for pair in pairs:
        of_runs[pair.runs] += of_pair[pair.key]
    fewest = min((of_runs[pair.runs], of_pair[pair.key]) for pair in left_over)
    nearest = [pair for pair in left_over if (of_runs[pair.runs], of_pair[pair.key]) == fewest]
    chosen = min(nearest, key=lambda pair: _digest(comparison, user, pair))
    rows = EvaluationItem.objects.select_related("item", "turn").prefetch_related("turn__hits")
    found = rows.in_bulk([chosen.first, chosen.second])
    left, right = in_order(comparison, user, chosen)
    return Shown(found[left], found[right], done, len(pairs))


def in_order(comparison: Comparison, user: Any, pair: Pair) -> tuple[int, int]:
    """Return the ids of left and right, always the same for one person."""
    if _digest(comparison, user, pair)[-1] & 1:
        return pair.second, pair.first
    return pair.first, pair.second


def record_preference(
    *, comparison: Comparison, user: Any, left_id: int, right_id: int, choice: str, comment: str = ""
) -> Preference | None:
    """Store a pick; None where this person picked this pair before, which stays as it is.

    Raises ComparisonError for a closed comparison, an unknown choice, or a pair that was not shown.
    """
    if comparison.closed_at:
        raise ComparisonError("This comparison is closed: what was picked so far counts, and no more is needed.")
    if choice not in Preference.Choice.values:
        raise ComparisonError(f'"{choice}" is none of the choices: {", ".join(Preference.Choice.values)}.')
    pair = next((pair for pair in pool_of(comparison).pairs if pair.key == {left_id, right_id}), None)
    if pair is None or in_order(comparison, user, pair) != (left_id, right_id):
        raise ComparisonError("These two answers are not what you were shown: load the page again.")
    try:
        with transaction.atomic():
            return Preference.objects.create(
                comparison=comparison, left_id=left_id, right_id=right_id, user=user, choice=choice, comment=comment
            )
    except IntegrityError:  # the same form sent twice
        return None


def take_back(*, comparison: Comparison, user: Any) -> bool:
    """Forget this person's last pick; False where there is none."""
    last = comparison.preferences.filter(user=user).order_by("-pk").first()
    if last is None or comparison.closed_at:
        return False
    last.delete()
    return True


def pool_of(comparison: Comparison) -> Pool:
    """Return all pairs of a comparison. Two queries."""
    return _pool(list(comparison.runs.values_list("pk", flat=True)))


def _pool(run_ids: Sequence[int]) -> Pool:
    """Pair the answers of the first time that each question was asked. Answers whose text is forgotten are out."""
    rows = (
        EvaluationItem.objects.filter(run__in=run_ids, repetition=1, error="", turn__status__in=ANSWERED)
        .exclude(turn__answer="")
        .annotate(answer_hash=MD5("turn__answer"))
        .order_by("item_id", "run_id")
        .values_list("item_id", "run_id", "pk", "answer_hash")
    )
    by_item: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for item_id, run_id, row_id, answer_hash in rows:
        by_item[item_id].append((run_id, row_id, answer_hash))
    pairs, same = [], Counter[tuple[int, int]]()
    for answers in by_item.values():
        for (run_a, row_a, hash_a), (run_b, row_b, hash_b) in combinations(answers, 2):
            if hash_a == hash_b:
                same[run_a, run_b] += 1
            else:
                pairs.append(Pair(row_a, row_b, (run_a, run_b)))
    return Pool(tuple(pairs), dict(same))


def _digest(comparison: Comparison, user: Any, pair: Pair) -> bytes:
    text = f"{comparison.pk}:{user.pk}:{pair.first}:{pair.second}"
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
