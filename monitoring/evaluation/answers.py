"""Answer runs: each item is a turn with origin EVALUATION, answered and recorded as live ones are, then measured and
examined.

The turn, its evaluation item and the measures that cost nothing are one transaction. Whoever asks a model about the
answer (a judge, a round trip) comes behind, in transactions of their own: when the process dies between, the answer
stays, and only what is missing is asked.
"""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from chat.database import in_database
from chat.models.conversation import Origin
from chat.rag.embed import LOCAL_NAME, TextEmbedder
from chat.rag.embedders import get_embedder
from chat.services.answering import tools_of
from chat.services.turns import record_calls
from chat.services.unattended import Answered, answer, record_turn, request_of
from monitoring.evaluation.answered import AnsweredQuestion, answered_again, answered_now, as_measured
from monitoring.evaluation.examination import Examination, Examiner
from monitoring.evaluation.examiners import examiners_of
from monitoring.evaluation.lease import Lease
from monitoring.evaluation.measures.base import Measurement, unscored
from monitoring.evaluation.measures.registry import ANSWER_MEASURES, measure_answers
from monitoring.evaluation.questions import Question, due_of, has_spans
from monitoring.evaluation.retrieval import ranking_of
from monitoring.evaluation.round_trip import round_trip_title
from monitoring.evaluation.scoring import score_ranking, unscored_ranking
from monitoring.evaluation.working import ItemWork, Piece, Working
from monitoring.evaluation.writing import Result, write_results, write_scores
from monitoring.models import EvaluationItem, EvaluationRun

ANSWER_GONE = "The answer is gone."


def measuring_embedder() -> TextEmbedder:
    """Return what texts are compared by: always the same one, so that runs of configs with different embedders can be
    compared."""
    return get_embedder(LOCAL_NAME, cache_dir=settings.MODEL_CACHE_DIR, providers=settings.PROVIDERS)


class Answering(ItemWork):
    """Answers the items of a run."""

    def __init__(
        self, run: EvaluationRun, lease: Lease, working: Working, examiners: Sequence[Examiner] | None = None
    ) -> None:
        """`examiners`: None for those that the run asks for. Reads the config's `embedder`. Raises ConfigurationError
        when it is not set up here."""
        super().__init__(run, lease, working)
        self._tools, self._with_chunks = tools_of(run.config), has_spans(run)
        self._measuring = measuring_embedder()
        self._examiners = examiners_of(run, self._tools, self._measuring) if examiners is None else examiners

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
            error = await self._examine(answered)
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

    async def _examine(self, answered: AnsweredQuestion) -> str:
        """Let all examiners have their say that had none yet; return why one could not, if another try may help."""
        waiting = [examiner for examiner in self._examiners if not set(examiner.names) <= answered.scored]
        error = ""
        for examiner in waiting:
            examination = await examiner.examine(answered)
            error = error or examination.failed
            is_last = examiner is waiting[-1]
            await in_database(self._record_examination, answered, examination, is_last)
        return error

    def _record_examination(self, answered: AnsweredQuestion, examination: Examination, is_last: bool) -> None:
        calls = list(examination.calls)
        with transaction.atomic():
            write_scores(answered.evaluation_item_id, examination.measurements, version=examination.version)
            record_calls(calls=calls, turn_id=answered.turn_id)
            if again := examination.answered_again:
                title = round_trip_title(answered.turn_id)
                record_turn(answered=again, config=self._run.config, origin=Origin.EVALUATION, title=title)
                calls += again.result.calls
            self.lease.advance(int(is_last), calls=calls)
