"""Who examines the answers of a run: the judges, and the round trip where it was asked for."""

from collections.abc import Sequence

from chat.rag.config import LLMCall
from chat.rag.embed import TextEmbedder
from chat.rag.retrieve import Tools
from monitoring.evaluation.answered import AnsweredQuestion
from monitoring.evaluation.examination import Examination, Examiner, without_value
from monitoring.evaluation.measures.base import Measurement
from monitoring.evaluation.round_trip import RoundTrip
from monitoring.judges.base import Judge, JudgedHit, JudgedTurn, JudgeTools
from monitoring.judges.registry import EVALUATION_JUDGES
from monitoring.models import EvaluationRun


class JudgeExaminer:
    """Asks one judge."""

    def __init__(self, judge: Judge, tools: JudgeTools) -> None:
        self._judge, self._tools = judge, tools

    @property
    def names(self) -> Sequence[str]:
        """See Examiner."""
        return (self._judge.name,)

    async def examine(self, answered: AnsweredQuestion) -> Examination:
        """See Examiner."""
        name, version = self._judge.name, self._judge.version
        calls: list[LLMCall] = []
        verdict = await self._judge.judge(as_judged(answered), self._tools, calls.append)
        if verdict.value is None:
            # A model that writes no verdict writes none next time either; one that fails may be up again.
            failed = verdict.retryable and any(call.error_code for call in calls)
            return without_value(name, verdict.error, failed=failed, calls=calls, version=version)
        measurement = Measurement(verdict.value, label=verdict.label, explanation=verdict.explanation)
        return Examination({name: measurement}, calls, version)


def examiners_of(run: EvaluationRun, tools: Tools, measuring: TextEmbedder) -> list[Examiner]:
    """Return what is asked of each answer of a run, in order: judges without a model always, those with one where the
    run names a model. `measuring` is the embedder that texts are compared by."""
    judging = JudgeTools(access=tools.access, model=run.judge_model, embedder=measuring)
    examiners: list[Examiner] = [
        JudgeExaminer(judge, judging)
        for judge in EVALUATION_JUDGES.values()
        if judge.family == "offline" or run.judge_model
    ]
    if run.round_trip:
        examiners.append(RoundTrip(run.config.recipe(), tools, measuring))
    return examiners


def as_judged(answered: AnsweredQuestion) -> JudgedTurn:
    """Return an answer as judges see it."""
    question = answered.question
    return JudgedTurn(
        question=question.question,
        answer=answered.answer,
        hits=tuple(JudgedHit(hit.rank, hit.title, hit.heading_path, hit.text) for hit in answered.sources),
        expected_answer=question.expected_answer,
        history=question.history,
        language=question.language,
    )
