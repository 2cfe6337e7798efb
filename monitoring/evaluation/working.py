"""How a process works on runs, and what it does item by item where a model is asked: a few items at once, each recorded
in its own transaction as soon as it is finished, so that a process that dies loses what is on its way and no more."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chat.database import in_database
from monitoring.evaluation.budget import check_budget
from monitoring.evaluation.lease import Lease
from monitoring.evaluation.pool import work_through
from monitoring.evaluation.questions import Question, load_questions
from monitoring.evaluation.retrieval import QuestionVectors
from monitoring.exceptions import EvaluationError
from monitoring.models import EvaluationRun

# So many items that fail one after the other are no bad luck: the run stops before it has asked them all in vain.
FAILURES_IN_A_ROW = 10


def _nobody(items: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Working:
    """How a process works: what it keeps from run to run, whom it tells, and when it gives the run back."""

    vectors: QuestionVectors = field(default_factory=QuestionVectors)
    on_progress: Callable[[int], None] = _nobody  # hears how many items were finished
    until: float = float("inf")  # time.monotonic(): a run that is not finished by then waits in the queue again

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until


@dataclass(frozen=True, slots=True)
class Piece:
    """One item that is due. `evaluation_item_id`: it was answered, and something about its answer is missing."""

    item_id: int
    repetition: int
    evaluation_item_id: int | None = None


class ItemWork(ABC):
    """What is done with each item of a run."""

    def __init__(self, run: EvaluationRun, lease: Lease, working: Working) -> None:
        self._run, self.lease, self.working = run, lease, working
        self._failures = 0
        self._questions: dict[int, Question] = {}

    def work_off(self, pieces: Sequence[Piece]) -> bool:
        """Do all pieces; False when the time was over before. Raises ClaimLostError, RunCancelledError, and
        EvaluationError when too many fail in a row, or the budget for everything is used up."""
        self._questions = load_questions([piece.item_id for piece in pieces])
        self.lease.begin(len(pieces))
        return work_through(pieces, self._one, goes_on=lambda: not self.working.is_over)

    async def _one(self, piece: Piece) -> None:
        await in_database(self._check)
        error = await self.do(piece, self._questions[piece.item_id])
        self.working.on_progress(1)
        self._failures = self._failures + 1 if error else 0
        if self._failures >= FAILURES_IN_A_ROW:
            raise EvaluationError(f"{self._failures} items in a row failed, the last one: {error}")

    def _check(self) -> None:
        self.lease.check()
        check_budget(self._run)

    @abstractmethod
    async def do(self, piece: Piece, question: Question) -> str:
        """Do one piece and record it; return why it failed, or an empty text."""
