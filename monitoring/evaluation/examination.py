"""What is said of an answer after it was recorded, by somebody who asks a model for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chat.rag.config import LLMCall
from chat.services.unattended import Answered
from monitoring.evaluation.answered import AnsweredQuestion
from monitoring.evaluation.measures.base import Measurement

# The label of a score that another try may give a value: resuming a run tries again.
TRY_AGAIN = "try again"


@dataclass(frozen=True, slots=True)
class Examination:
    """Scores by name, and what was done for them: calls, and a second answer. `failed`: why there is no value, where
    another try may give one."""

    measurements: Mapping[str, Measurement]
    calls: Sequence[LLMCall] = ()
    version: str = ""  # of the judge
    answered_again: Answered | None = None
    failed: str = ""


class Examiner(Protocol):
    """Says something about an answer."""

    @property
    def names(self) -> Sequence[str]:
        """The scores that it gives each time: a value, or why there is none."""

    async def examine(self, answered: AnsweredQuestion) -> Examination:
        """Examine an answer. A model that fails is an examination without a value."""


def without_value(
    name: str, reason: str, *, failed: bool, calls: Sequence[LLMCall] = (), version: str = ""
) -> Examination:
    """Return an examination that came to nothing; `failed`: another try may help."""
    measurement = Measurement(None, error=reason, label=TRY_AGAIN if failed else "")
    return Examination({name: measurement}, calls, version, failed=reason if failed else "")
