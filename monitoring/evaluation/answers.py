"""Answer runs: each item is a turn with origin EVALUATION, answered and recorded as live ones are, then measured and
examined.

The turn, its evaluation item and the measures that cost nothing are one transaction. Whoever asks a model about the
answer (a judge, a round trip) comes behind, in transactions of their own: when the process dies between, the answer
stays, and only what is missing is asked.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from django.conf import settings
from django.db import transaction

from chat.database import in_database
from chat.models.conversation import Origin
from chat.rag.config import LLMCall
from chat.rag.embed import LOCAL_NAME, get_embedder
from chat.services.answering import tools_of
from chat.services.turns import record_calls
from chat.services.unattended import Answered, answer, record_turn, request_of
from monitoring.evaluation.answered import AnsweredQuestion, answered_again, answered_now, as_measured
from monitoring.evaluation.lease import Lease
from monitoring.evaluation.measures.base import Measurement, unscored
from monitoring.evaluation.measures.registry import ANSWER_MEASURES, measure_answers
from monitoring.evaluation.questions import Question, due_of, has_spans
from monitoring.evaluation.retrieval import ranking_of
from monitoring.evaluation.scoring import score_ranking, unscored_ranking
from monitoring.evaluation.working import ItemWork, Piece, Working
from monitoring.evaluation.writing import Result, write_results, write_scores
from monitoring.models import EvaluationItem, EvaluationRun

ANSWER_GONE = "The answer is gone."


class Examiner(Protocol):
    """Says something about an answer after it was recorded, mostly by asking a model."""

    @property
    def names(self) -> Sequence[str]:
        """The scores that it gives each time: a value, or why there is none."""

    async def examine(self, answered: AnsweredQuestion) -> tuple[Mapping[str, Measurement], Sequence[LLMCall]]:
        """Return the scores by name, and the calls that were made for them. Never raises for a model that fails."""


class Answering(ItemWork):
    """Answers the items of a run."""

    def __init__(self, run: EvaluationRun, lease: Lease, working: Working, examiners: Sequence[Examiner] = ()) -> None:
        """Reads the config's `embedder`. Raises ConfigurationError when it is not set up here."""
        super().__init__(lease, working)
        self._run, self._tools, self._with_chunks = run, tools_of(run.config), has_spans(run)
        self._examiners = examiners
        # always the same one, so that runs of configs with different embedders can be compared
        self._measuring = get_embedder(LOCAL_NAME, cache_dir=settings.MODEL_CACHE_DIR, providers=settings.PROVIDERS)

    def pieces(self) -> list[Piece]:
        """Return what is due: first answers about which something is missing, then questions. Four queries."""
        questions = [Piece(item_id, repetition) for item_id, repetition in due_of(self._run)]
        names = {name for examiner in self._examiners for name in examiner.names}
        if not names:
            return questions
        rows = EvaluationItem.objects.filter(run=self._run, error="").prefetch_related("scores").order_by("pk")
        missing = [row for row in rows if not names <= {score.name for score in row.scores.all()}]
        return [*(Piece(row.item_id, row.repetition, row.pk) for row in missing), *questions]

    async def do(self, piece: Piece, question: Question) -> str:
        if piece.evaluation_item_id is None:
            answered, error = await self._answer(piece, question)
        else:
            answered, error = await in_database(answered_again, piece.evaluation_item_id, question), ""
        if answered is not None:
            await self._examine(answered)
        elif not error:
            await in_database(self._record_gone, piece)
        return error

    def _record_gone(self, piece: Piece) -> None:
        """Say of an answer that was deleted before it was examined that nothing can be said."""
        names = [name for examiner in self._examiners for name in examiner.names]
        with transaction.atomic():
            write_scores(piece.evaluation_item_id or 0, {name: unscored(ANSWER_GONE) for name in names})
            self.lease.advance(1)

    async def _answer(self, piece: Piece, question: Question) -> tuple[AnsweredQuestion | None, str]:
        request = request_of(
            self._run.config,
            question=question.question,
            collection_id=question.collection_id,
            history=question.history,
        )
        outcome = await answer(request, self._tools)
        return await in_database(self._record, piece, question, outcome), outcome.error_message

    def _record(self, piece: Piece, question: Question, outcome: Answered) -> AnsweredQuestion | None:
        """Store an answer with its measures; return it, or None when it failed and nothing more can be said of it."""
        measurements = self._measurements(question, outcome)
        ranking = ranking_of(outcome.result.hits, search_seconds=outcome.result.times.search_seconds)
        is_last = outcome.failed or not self._examiners
        with transaction.atomic():
            turn = record_turn(answered=outcome, config=self._run.config, origin=Origin.EVALUATION)
            result = Result(question, piece.repetition, ranking, measurements, turn.pk, outcome.error_message)
            (row_id,) = write_results(self._run.pk, [result])
            self.lease.advance(int(is_last), calls=outcome.result.calls)
        return None if outcome.failed else answered_now(question, row_id, turn, outcome.result.hits)

    def _measurements(self, question: Question, outcome: Answered) -> dict[str, Measurement]:
        """All measures that need no model but the local embedder."""
        hits, found = outcome.result.hits, outcome.result
        if outcome.failed and not hits:
            measured = unscored_ranking(outcome.error_message, with_chunks=self._with_chunks)
        else:
            ranking = ranking_of(hits, search_seconds=None)
            measured = score_ranking(question, ranking, k=self._run.k, with_chunks=self._with_chunks)
        if outcome.failed:
            return measured | {name: unscored(outcome.error_message) for name in ANSWER_MEASURES}
        documents = tuple(hit.document_id for hit in hits)
        item = as_measured(question, found.answer, found.nothing_found, documents)
        (answer_measures,) = measure_answers([item], self._measuring)
        return measured | answer_measures

    async def _examine(self, answered: AnsweredQuestion) -> None:
        """Let all examiners have their say that had none yet."""
        waiting = [examiner for examiner in self._examiners if not set(examiner.names) <= answered.scored]
        for examiner in waiting:
            measurements, calls = await examiner.examine(answered)
            await in_database(self._record_scores, answered, measurements, calls, examiner is waiting[-1])

    def _record_scores(
        self,
        answered: AnsweredQuestion,
        measurements: Mapping[str, Measurement],
        calls: Sequence[LLMCall],
        is_last: bool,
    ) -> None:
        with transaction.atomic():
            write_scores(answered.evaluation_item_id, measurements)
            record_calls(calls=calls, turn_id=answered.turn_id)
            self.lease.advance(int(is_last), calls=calls)
