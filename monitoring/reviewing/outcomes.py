"""Whether a replayed answer is right: green, red, or not to be told.

With a judge's model it is asked whether the new answer says what the expected one says (answer_correctness). Without
one, a rule over words decides, and says so. A question that nothing answers is right when the answer says so.

The rule   the share of the expected answer's sentences that the new answer says (as groundedness_offline looks for a
           sentence in a hit: its numbers, and most of its words or meaning)
Green      all of them; red: none, or the answer only says that it does not know, or no passage that holds the answer
           was found; between: not to be told
Bias       it sees words and subjects, not logic: an answer that turns the expected one round is called right
"""

import asyncio
from dataclasses import dataclass

from chat.rag.config import LLMCall
from monitoring.evaluation.questions import Question
from monitoring.evaluation.retrieval import Ranking
from monitoring.judges import answer_correctness
from monitoring.judges.answer_text import is_refusal, said_text
from monitoring.judges.base import JudgedHit, JudgedTurn, JudgeTools
from monitoring.judges.groundedness_offline import SUPPORT_MIN, claims, support_of
from monitoring.models import Replay

REASON_CHARS = 500
Outcome = Replay.Outcome


@dataclass(frozen=True, slots=True)
class Decided:
    """The outcome of a replay, and how it was decided, in words."""

    outcome: Replay.Outcome
    reason: str
    calls: tuple[LLMCall, ...] = ()


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """What a config answered now, and what it found."""

    text: str
    nothing_found: bool
    ranking: Ranking
    hits: tuple[JudgedHit, ...] = ()


def decide_outcome(question: Question, answer: NewAnswer, tools: JudgeTools) -> Decided:
    """Say whether a new answer is right. One call where `tools` name a model."""
    refuses = answer.nothing_found or is_refusal(answer.text)
    if not question.is_answerable:
        if refuses:
            return Decided(Outcome.FIXED, "It says that it does not know, as it should.")
        return Decided(Outcome.STILL_WRONG, "Nothing in the knowledge base answers this, yet it answers.")
    if refuses:
        return Decided(Outcome.STILL_WRONG, "It only says that it does not know.")
    if not question.expected_answer.strip():
        return Decided(Outcome.UNKNOWN, "The item has no expected answer to compare with.")
    if tools.model:
        return _by_judge(question, answer, tools)
    return _by_rule(question, answer, tools)


def _by_judge(question: Question, answer: NewAnswer, tools: JudgeTools) -> Decided:
    calls: list[LLMCall] = []
    turn = JudgedTurn(
        question=question.question,
        answer=answer.text,
        hits=answer.hits,
        expected_answer=question.expected_answer,
        history=question.history,
        language=question.language,
    )
    verdict = asyncio.run(answer_correctness.JUDGE.judge(turn, tools, calls.append))
    if verdict.value is None:
        return Decided(Outcome.UNKNOWN, f"{tools.model} gave no verdict: {verdict.error}"[:REASON_CHARS], tuple(calls))
    outcome = Outcome.FIXED if verdict.value == 1 else Outcome.STILL_WRONG
    said = f"{tools.model} calls it {verdict.label}. {verdict.explanation}".strip()
    return Decided(outcome, said[:REASON_CHARS], tuple(calls))


def _by_rule(question: Question, answer: NewAnswer, tools: JudgeTools) -> Decided:
    if not _is_found(question, answer.ranking):
        return Decided(Outcome.STILL_WRONG, "No passage that holds the answer was found.")
    expected = claims(question.expected_answer)
    if not expected:
        return Decided(Outcome.UNKNOWN, "The expected answer is too short for a rule; a judge's model could tell.")
    said = [JudgedHit(1, "", "", said_text(answer.text))]
    support = support_of(expected, said, tools.embedder)
    missing = [sentence for sentence, value in zip(expected, support, strict=True) if value < SUPPORT_MIN]
    count = f"{len(expected) - len(missing)} of {len(expected)}"
    reason = f"By a rule without a model: it says {count} sentence{'s' * (len(expected) != 1)} of the expected answer."
    if not missing:
        return Decided(Outcome.FIXED, reason)
    outcome = Outcome.STILL_WRONG if len(missing) == len(expected) else Outcome.UNKNOWN
    return Decided(outcome, f"{reason} Missing: {' '.join(missing[0].split())}"[:REASON_CHARS])


def _is_found(question: Question, ranking: Ranking) -> bool:
    """Whether a passage that holds the answer was found; also where none is known."""
    if question.unscored:
        return True
    found = zip(ranking.chunk_ids, ranking.document_ids, strict=True)
    return any(question.grade(chunk_id, document_id) for chunk_id, document_id in found)
