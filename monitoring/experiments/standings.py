"""What people's picks in a blind comparison say of the runs: who won against whom, and strengths with intervals."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.experiments.comparing import pool_of
from monitoring.models import Comparison, EvaluationRun, Preference
from monitoring.statistics.bradley_terry import Pick, Ranking, Result, rank

LEFT, RIGHT = Preference.Choice.LEFT.value, Preference.Choice.RIGHT.value
TIE, BOTH_BAD = Preference.Choice.TIE.value, Preference.Choice.BOTH_BAD.value
# Of two bad answers neither is the better one: for strengths that is a tie.
RESULTS: dict[str, Result] = {LEFT: "first", RIGHT: "second", TIE: "tie", BOTH_BAD: "tie"}


@dataclass(frozen=True, slots=True)
class Met:
    """Two runs and what was picked between them. `chance`: that the first is picked over the second, and its 95 %
    interval, as the strengths have it; None: unknown. `same`: questions to which both gave the same answer, which
    nobody was asked about."""

    first: EvaluationRun
    second: EvaluationRun
    first_won: int
    second_won: int
    equal: int
    both_bad: int
    same: int
    chance: tuple[float, float | None, float | None] | None

    @property
    def picks(self) -> int:
        return self.first_won + self.second_won + self.equal + self.both_bad


@dataclass(frozen=True, slots=True)
class Standings:
    """All picks of a comparison. `ranking` is None where nothing was picked; its names are the ids of runs. `left` of
    `decided` picks went to the left answer, which says whether the side matters."""

    ranking: Ranking | None
    met: tuple[Met, ...]
    left: int
    decided: int
    accounts_gone: int  # picks of people whose accounts are gone, which count as those of one person


def standings(comparison: Comparison, runs: Sequence[EvaluationRun]) -> Standings:
    """Return what was picked between the runs of a comparison. Four queries."""
    rows = list(comparison.preferences.values_list("left__run_id", "right__run_id", "choice", "user_id"))
    ranking = rank([Pick(str(left), str(right), RESULTS[choice], person) for left, right, choice, person in rows])
    counts: Counter[tuple[int, int, str]] = Counter()
    for left, right, choice, _ in rows:
        outcome = {LEFT: str(left), RIGHT: str(right)}.get(choice, choice)
        counts[min(left, right), max(left, right), outcome] += 1
    same, ordered = pool_of(comparison).same, sorted(runs, key=lambda run: run.pk)
    ranked = {strength.name for strength in ranking.strengths} if ranking else set()
    pairs = [(first, second) for place, first in enumerate(ordered) for second in ordered[place + 1 :]]
    return Standings(
        ranking=ranking,
        met=tuple(
            Met(
                first,
                second,
                first_won=counts[first.pk, second.pk, str(first.pk)],
                second_won=counts[first.pk, second.pk, str(second.pk)],
                equal=counts[first.pk, second.pk, TIE],
                both_bad=counts[first.pk, second.pk, BOTH_BAD],
                same=same.get((first.pk, second.pk), 0),
                chance=ranking.chance(str(first.pk), str(second.pk))
                if ranking and {str(first.pk), str(second.pk)} <= ranked
                else None,
            )
            for first, second in pairs
        ),
        left=sum(choice == LEFT for _, _, choice, _ in rows),
        decided=sum(choice in (LEFT, RIGHT) for _, _, choice, _ in rows),
        accounts_gone=sum(person is None for *_, person in rows),
    )
