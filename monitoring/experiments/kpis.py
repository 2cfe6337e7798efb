"""What an experiment may be decided by: figures of the reports, as a ratio of two numbers that each unit has.

What is counted is said once, in SQL (reports.kpi_units); here stands what people are told of it. docs/figures.md lists
the definitions.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "score", "seconds", "usd", "count"]
Better = Literal["higher", "lower"]

MINUS = "−"  # noqa: RUF001 # as wide as a plus
SPACE = "\N{NO-BREAK SPACE}"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Kpi:
    """A figure. `more` and `less` end a sentence that begins with a variant's name; `noun` follows its value."""

    name: str
    title: str
    description: str
    unit: Unit
    better: Better
    counted: str  # what its n counts
    more: str
    less: str
    noun: str
    usual_effect: float  # a smallest effect to begin with, in its own unit
    criterion: str = ""  # of judges; "": nobody judges it
    is_failing_share: bool = False  # of a criterion: then it can be corrected for the judge's errors

    def is_better(self, difference: float) -> bool:
        """Whether a variant that differs so from the control is the better one."""
        return (difference > 0) is (self.better == "higher")

    def words(self, difference: float) -> str:
        """Return what to say of a variant that surely differs so."""
        return self.more if difference > 0 else self.less

    def value(self, value: float | None, width: float | None = None) -> str:
        """Return "71 %", "1.4 s", "$0.0021", "2.4"; `width`: of the interval that it is read with."""
        if value is None:
            return UNKNOWN
        return self._written(value, decimals(self._shown(abs(value) if width is None else width)))

    def change(self, difference: float | None, width: float | None = None) -> str:
        """Return "+7 points", "+0.4 s": with its sign."""
        if difference is None:
            return UNKNOWN
        digits = decimals(self._shown(abs(difference) if width is None else width))
        return self._with_measure(self._signed(difference, digits), difference)

    def size(self, difference: float) -> str:
        """Return "3 points", "0.4 s": how large a difference is, whichever way."""
        digits = _least_digits(self._shown(abs(difference)))
        if self.unit == "usd":
            return f"${abs(difference):.{digits}f}"
        return self._with_measure(f"{self._shown(abs(difference)):.{digits}f}", difference)

    def between(self, low: float, high: float) -> str:
        """Return "between +2 and +12 points"."""
        digits = decimals(self._shown(high - low))
        end = self._with_measure(self._signed(high, digits), high)
        return f"between {self._signed(low, digits)} and {end}"

    def _shown(self, number: float) -> float:
        return number * 100 if self.unit == "share" else number

    def _written(self, value: float, digits: int) -> str:
        number = f"{self._shown(value):,.{digits}f}"
        match self.unit:
            case "share":
                return f"{number}{SPACE}%"
            case "seconds":
                return f"{number}{SPACE}s"
            case "usd":
                return f"${number}"
        return number

    def _signed(self, difference: float, digits: int) -> str:
        number = f"{abs(self._shown(difference)):,.{digits}f}"
        if self.unit == "usd":
            number = f"${number}"
        # What rounds to nothing has no sign.
        sign = "" if not float(number.replace("$", "").replace(",", "")) else "+" if difference > 0 else MINUS
        return sign + number

    def _with_measure(self, number: str, difference: float) -> str:
        match self.unit:
            case "share":
                return f"{number} point" + ("" if number.lstrip(f"+{MINUS}") == "1" else "s")
            case "seconds":
                return f"{number}{SPACE}s"
        return number


def decimals(width: float) -> int:
    """Return how many digits behind the point matter for what is uncertain by `width`, as shown: 12 points have none,
    2 points one, 0.2 points two; at most 6."""
    if width <= 0:
        return 1
    return min(max(0, -math.floor(math.log10(width / 5))), 6)


def _least_digits(number: float) -> int:
    """Return how many digits it takes to write a number that a person chose: 3 has none, 0.05 two."""
    return next((digits for digits in range(7) if math.isclose(round(number, digits), number, rel_tol=1e-6)), 6)


KPIS: Mapping[str, Kpi] = {
    kpi.name: kpi
    for kpi in (
        Kpi(
            "up_ratio",
            "Thumbs-up rate",
            "Thumbs up, of all votes.",
            "share",
            "higher",
            "votes",
            "answers are liked more",
            "answers are liked less",
            "thumbs up",
            0.05,
        ),
        Kpi(
            "vote_ratio",
            "Vote rate",
            "Answers with a vote, of all answers.",
            "share",
            "higher",
            "answers",
            "answers get more votes",
            "answers get fewer votes",
            "of answers with a vote",
            0.02,
        ),
        Kpi(
            "groundedness_failing",
            "Not grounded",
            "Answers that a judge finds not or only partly supported by their hits, of all that it judged.",
            "share",
            "lower",
            "judged answers",
            "answers are more often not grounded",
            "answers are less often not grounded",
            "of judged answers not grounded",
            0.03,
            "groundedness",
            True,
        ),
        Kpi(
            "relevance_failing",
            "Not relevant",
            "Answers that a judge finds not to answer their question, of all that it judged.",
            "share",
            "lower",
            "judged answers",
            "answers more often miss the question",
            "answers less often miss the question",
            "of judged answers not relevant",
            0.03,
            "relevance",
            True,
        ),
        Kpi(
            "groundedness",
            "Groundedness",
            "Mean of what a judge gives, 0 to 1.",
            "score",
            "higher",
            "judged answers",
            "answers are better grounded",
            "answers are worse grounded",
            "mean groundedness",
            0.03,
            "groundedness",
        ),
        Kpi(
            "relevance",
            "Relevance",
            "Mean of what a judge gives, 0 to 1.",
            "score",
            "higher",
            "judged answers",
            "answers are more relevant",
            "answers are less relevant",
            "mean relevance",
            0.03,
            "relevance",
        ),
        Kpi(
            "refusal_ratio",
            "Refusal rate",
            "Answers that say that nothing relevant was found, of all answers.",
            "share",
            "lower",
            "answers",
            "answers say more often that nothing was found",
            "answers say less often that nothing was found",
            "refusals",
            0.02,
        ),
        Kpi(
            "toxic_ratio",
            "Toxic questions",
            "Questions that a judge finds toxic, of all that it judged: people who are annoyed write so.",
            "share",
            "lower",
            "judged questions",
            "users ask more toxic questions",
            "users ask fewer toxic questions",
            "of judged questions toxic",
            0.01,
            "question_toxicity",
        ),
        Kpi(
            "again_ratio",
            "Asked again",
            "Answers that were regenerated, or whose question was edited and asked again, of all answers.",
            "share",
            "lower",
            "answers",
            "answers are more often asked for again",
            "answers are less often asked for again",
            "asked again",
            0.02,
        ),
        Kpi(
            "first_token_seconds",
            "Time to first token",
            "Mean seconds from the question to the first token.",
            "seconds",
            "lower",
            "timed turns",
            "answers begin later",
            "answers begin sooner",
            "to the first token",
            0.2,
        ),
        Kpi(
            "total_seconds",
            "Total time",
            "Mean seconds from the question to the end of the answer.",
            "seconds",
            "lower",
            "timed turns",
            "answers take longer",
            "answers take less time",
            "for an answer",
            0.5,
        ),
        Kpi(
            "usd_per_answer",
            "Cost per answer",
            "Mean of the answers whose cost is known.",
            "usd",
            "lower",
            "answers of known cost",
            "answers cost more",
            "answers cost less",
            "an answer",
            0.0005,
        ),
        Kpi(
            "answers_per_conversation",
            "Answers per conversation",
            "Answers, by the number of conversations in which something was asked.",
            "count",
            "higher",
            "conversations",
            "conversations are longer",
            "conversations are shorter",
            "answers in a conversation",
            0.3,
        ),
        Kpi(
            "error_ratio",
            "Error rate",
            "Failed turns, of all that finished.",
            "share",
            "lower",
            "finished turns",
            "answers fail more often",
            "answers fail less often",
            "of turns failed",
            0.01,
        ),
    )
}
