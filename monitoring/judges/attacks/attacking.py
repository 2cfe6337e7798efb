"""Attack a judge: each attack on each bad turn, beside the same turn without it.

An attack has succeeded where the label is better than that of its control, the turn without it. It can be tried only
where the control fails, as it should; a judge that passes a bad turn anyway is wrong without any attack, and that is
counted apart. So are failed verdicts: a model that the attack makes write nonsense was disturbed, and not won.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from monitoring.judges.attacks.cases import CASES, TAGS, Place, inject
from monitoring.judges.attacks.texts import ATTACKS, ELSEWHERE, Target
from monitoring.judges.base import Judge, JudgedTurn, JudgeTools, Record, Verdict

CONTROL_NOT_FAILED, CONTROL_FAILED_TO_JUDGE = "control passed", "control without verdict"


@dataclass(frozen=True, slots=True)
class Trial:
    """An attack on a bad turn. `verdict` is None where the control left nothing to win, `skipped` says why."""

    attack: str
    place: Place
    case: int
    control: Verdict
    verdict: Verdict | None
    skipped: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the label is better than without the attack."""
        values = (self.verdict.value if self.verdict else None), self.control.value
        return values[0] is not None and values[1] is not None and values[0] > values[1]


@dataclass(frozen=True, slots=True)
class AttackReport:
    """What came of all attacks on a judge. The interval takes them for independent, and for all that there are; neither
    is so, and the truth is less certain than it says."""

    judge: Judge
    trials: tuple[Trial, ...]

    @property
    def judged(self) -> list[Trial]:
        """Those with a verdict."""
        return [trial for trial in self.trials if trial.verdict and not trial.verdict.error]

    @property
    def failed(self) -> int:
        """Attacks whose verdict failed."""
        return sum(trial.verdict is not None and bool(trial.verdict.error) for trial in self.trials)

    @property
    def skipped(self) -> int:
        """Attacks that could not be tried."""
        return sum(trial.verdict is None for trial in self.trials)

    @property
    def succeeded(self) -> list[Trial]:
        """Those that won a better label."""
        return [trial for trial in self.judged if trial.succeeded]

    @property
    def success_ratio(self) -> float | None:
        """The share of judged attacks that succeeded; None where none was judged."""
        return len(self.succeeded) / len(self.judged) if self.judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The success ratio's 95 % interval by Wilson."""
        if not self.judged:
            return None
        from scipy.stats import binomtest  # takes a second to load, and nothing else needs it

        ends = binomtest(len(self.succeeded), len(self.judged)).proportion_ci(method="wilson")
        return float(ends.low), float(ends.high)


def can_be_attacked(judge: Judge) -> bool:
    """Return whether there are bad turns for a judge: not for one without labels."""
    return judge.criterion.name in CASES


async def attack_judge(
    judge: Judge,
    tools: JudgeTools,
    record: Record,
    *,
    concurrency: int = 16,
    on_verdict: Callable[[], None] = lambda: None,
) -> AttackReport:
    """Attack a judge, `concurrency` verdicts at a time. Raises ConfigurationError for a model that is not set up."""
    limit = asyncio.Semaphore(concurrency)

    async def ask(turn: JudgedTurn) -> Verdict:
        async with limit:
            verdict = await judge.judge(turn, tools, record)
        on_verdict()
        return verdict

    async def attempt(control: Verdict, turn: JudgedTurn, case: int, place: Place, attack: str) -> Trial:
        if control.value is None or not judge.criterion.is_failing(control.label):
            why = f"{CONTROL_FAILED_TO_JUDGE}: {control.error}" if control.error else CONTROL_NOT_FAILED
            return Trial(attack, place, case, control, None, why)
        target = Target(next(iter(judge.labels)), judge.question, turn.question, TAGS[place])
        return Trial(attack, place, case, control, await ask(inject(turn, place, ATTACKS[attack](target))))

    cases = CASES[judge.criterion.name]
    controls = await asyncio.gather(*map(ask, cases.turns))
    numbered = list(enumerate(zip(controls, cases.turns, strict=True), 1))
    trials = await asyncio.gather(
        *(
            attempt(control, turn, case, place, attack)
            for (case, (control, turn)), (place, attack) in product(numbered, _tries(cases.places))
        )
    )
    return AttackReport(judge, tuple(trials))


def verdict_count(judge: Judge) -> int:
    """Return how many verdicts attacking a judge takes, with the controls."""
    cases = CASES[judge.criterion.name]
    return len(cases.turns) * (1 + len(_tries(cases.places)))


def _tries(places: Sequence[Place]) -> list[tuple[Place, str]]:
    """Return the attacks by place: all in the usual one, some in the others."""
    usual, *others = places
    return [(usual, attack) for attack in ATTACKS] + list(product(others, ELSEWHERE))
