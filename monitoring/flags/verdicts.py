"""What is wrong with a turn by the verdicts of judges. A judge that is not proven gives advice: its findings sort the
queue and open nothing. Where several versions of judges spoke of one criterion, a proven one is heard first."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from chat.models import Feedback, Turn
from monitoring.flags.finding import Finding
from monitoring.judges.criteria import CRITERIA
from monitoring.models import JudgeVersion, Score

# Where a judge and a user can be of two minds about the same thing: whether the answer is good.
DISPUTED = ("relevance", "groundedness")
DETAIL_CHARS = 300


def failing(*criteria: str) -> Callable[[QuerySet[Turn]], Iterator[Finding]]:
    """Return what finds the turns that a judge gave a failing label of one of the criteria."""

    def find(turns: QuerySet[Turn]) -> Iterator[Finding]:
        for turn_id, verdicts in _verdicts(turns, criteria, failing_only=True).items():
            yield _finding(turn_id, verdicts[0], _said(verdicts[0]))

    return find


def disputed(turns: QuerySet[Turn]) -> Iterator[Finding]:
    """Find thumbs up on an answer with a failing label, and thumbs down on one that got nothing but best labels."""
    liked = turns.filter(feedback__value=Feedback.Value.UP)
    for turn_id, verdicts in _verdicts(liked, DISPUTED, failing_only=True).items():
        yield _finding(turn_id, verdicts[0], f"thumbs up, but {_said(verdicts[0])}")
    disliked = turns.filter(feedback__value=Feedback.Value.DOWN)
    for turn_id, verdicts in _verdicts(disliked, DISPUTED).items():
        heard = [score for score in verdicts if not _is_advisory(score)] or verdicts
        if all(_is_best(score) for score in heard):
            yield _finding(turn_id, heard[0], f"thumbs down, but {_said(heard[0])}")


def _verdicts(turns: QuerySet[Turn], criteria: Sequence[str], *, failing_only: bool = False) -> dict[int, list[Score]]:
    """Return what judges said of turns, by turn: proven ones first, newer versions before older ones."""
    labels = {name: CRITERIA[name].failing if failing_only else set(CRITERIA[name].labels) for name in criteria}
    said = reduce(or_, (Q(name=name, label__in=some) for name, some in labels.items()))
    scores = (
        Score.objects.by_judges()
        .valued()
        .filter(said, turn__in=turns.values("pk"), conversation__isnull=True)
        .select_related("judge_version")
        .order_by("turn_id", "-judge_version_id")
    )
    by_turn: dict[int, list[Score]] = defaultdict(list)
    for score in scores:
        by_turn[score.turn_id].append(score)
    return {turn_id: sorted(found, key=_is_advisory) for turn_id, found in by_turn.items()}


def _is_best(score: Score) -> bool:
    return score.label == next(iter(CRITERIA[score.name].labels))


def _is_advisory(score: Score) -> bool:
    version = score.judge_version
    return version is None or version.standing == JudgeVersion.Standing.ADVISORY


def _said(score: Score) -> str:
    return f"{score.judge_version.judge if score.judge_version else 'a judge'} says {score.label}"


def _finding(turn_id: int, score: Score, detail: str) -> Finding:
    return Finding(turn_id, detail[:DETAIL_CHARS], score_id=score.pk, is_advisory=_is_advisory(score))
