"""Whether a replayed answer is right: green, red, or not to be told.

With a judge's model it is asked whether the new answer says what the expected one says (answer_correctness). Without
one, a rule over words decides, and says so. A question that nothing answers is right when the answer says so.

The rule   green: the new answer says each sentence of the expected one, or half of its own sentences stand there and
           the two are near in meaning; red: neither half nor near, or no passage that holds the answer was found;
           between: not to be told. A sentence stands in a text as groundedness_offline has it: its numbers, and most
           of its words or meaning
Measured   on 395 answers of a language model to a FAQ that a judge's model had labelled, with the entry as expected
           answer: of 365 good ones 76 % green and 3 % red; of 10 bad ones none green and 4 red, 20 more that only say
           that they do not know are red. Good answers beside the entry of the nearest other question: 11 % green (some
           of these entries say the same), 78 % red
Bias       it sees words and subjects, not logic: an answer that turns the expected one round is called right, and so
           may half of one
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chat.rag.config import LLMCall
from chat.rag.embed import TextEmbedder
from monitoring.evaluation.questions import Question
from monitoring.evaluation.retrieval import Ranking
from monitoring.judges import answer_correctness
from monitoring.judges.answer_text import is_refusal, said_text
from monitoring.judges.base import JudgedHit, JudgedTurn, JudgeTools
from monitoring.judges.groundedness_offline import SUPPORT_MIN, claims, support_of
from monitoring.judges.similarity import text_similarities
from monitoring.models import Replay

REASON_CHARS = 500
HALF = 0.5
NEAR_MIN = 0.65  # cosine by the local embedder
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
    said = said_text(answer.text)
    expected, new = claims(question.expected_answer), claims(answer.text)
    if not (expected and new and tools.embedder):
        return Decided(Outcome.UNKNOWN, "There is too little text for a rule; a judge's model could tell.")
    covered = _standing(expected, said, tools.embedder)
    right = _standing(new, question.expected_answer, tools.embedder)
    (near,) = text_similarities([(said, question.expected_answer)], tools.embedder)
    reason = (
        f"By a rule without a model: it says {covered} of {len(expected)} sentences of the expected answer, {right} of"
        f" its own {len(new)} stand there, and the two are {near:.2f} alike ({NEAR_MIN} is near)."
    )
    has_half, is_near = right >= HALF * len(new), near >= NEAR_MIN
    if covered == len(expected) or (has_half and is_near):
        return Decided(Outcome.FIXED, reason)
    return Decided(Outcome.UNKNOWN if has_half or is_near else Outcome.STILL_WRONG, reason)


def _standing(sentences: Sequence[str], text: str, embedder: TextEmbedder) -> int:
    """Return how many sentences stand in a text."""
    support = support_of(sentences, [JudgedHit(1, "", "", text)], embedder)
    return sum(value >= SUPPORT_MIN for value in support)


def _is_found(question: Question, ranking: Ranking) -> bool:
    """Whether a passage that holds the answer was found; also where none is known."""
    if question.unscored:
        return True
    found = zip(ranking.chunk_ids, ranking.document_ids, strict=True)
    return any(question.grade(chunk_id, document_id) for chunk_id, document_id in found)
