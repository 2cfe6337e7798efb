"""Retrieval runs of configs with stages that a batch of searches does not have, such as re-ranking: question by
question, by the code of live answers. Stages that ask a model cost what they cost there."""

from django.db import transaction

from chat.database import in_database
from chat.exceptions import ChatError
from chat.models.conversation import Origin
from chat.rag.config import LLMCall
from chat.rag.retrieve import retrieve
from chat.services.answering import tools_of
from chat.services.turns import record_calls
from chat.services.unattended import request_of
from monitoring.evaluation.lease import Lease
from monitoring.evaluation.questions import Question, has_spans
from monitoring.evaluation.retrieval import Ranking, ranking_of
from monitoring.evaluation.scoring import score_ranking, unscored_ranking
from monitoring.evaluation.working import ItemWork, Piece, Working
from monitoring.evaluation.writing import Result, write_results
from monitoring.models import EvaluationRun


class StagedRetrieval(ItemWork):
    """Retrieves by all stages of a run's config."""

    def __init__(self, run: EvaluationRun, lease: Lease, working: Working) -> None:
        """Reads the config's `embedder`. Raises ConfigurationError when it is not set up here."""
        super().__init__(run, lease, working)
        self._tools, self._with_chunks = tools_of(run.config), has_spans(run)

    async def do(self, piece: Piece, question: Question) -> str:
        request = request_of(
            self._run.config,
            question=question.question,
            collection_id=question.collection_id,
            history=question.history,
        )
        calls: list[LLMCall] = []
        try:
            retrieved = await retrieve(request, self._tools, calls.append)
        except ChatError as error:
            reason = str(error)
            measurements = unscored_ranking(reason, with_chunks=self._with_chunks)
            result = Result(question, piece.repetition, Ranking(), measurements, error=reason)
        else:
            ranking = ranking_of(retrieved.hits, search_seconds=retrieved.times.search_seconds)
            measurements = score_ranking(question, ranking, k=self._run.k, with_chunks=self._with_chunks)
            result = Result(question, piece.repetition, ranking, measurements)
        await in_database(self._record, result, calls)
        return result.error

    def _record(self, result: Result, calls: list[LLMCall]) -> None:
        with transaction.atomic():
            write_results(self._run.pk, [result])
            record_calls(calls=calls, origin=Origin.EVALUATION)
            self.lease.advance(1, calls=calls)
