"""Going the round trip, A -> Q -> A': a question is made from an answer, and put to the same config again. What the
score means, and where it misleads, stands with its measure (measures/round_trip.py).

The question is written by the config's model. Offline a rule makes it of the answer's words, which tells whether search
leads back, and little more.
"""

from dataclasses import replace

from chat.exceptions import GenerationError
from chat.rag.config import AnswerRequest, LLMCall, Recipe
from chat.rag.embed import TextEmbedder
from chat.rag.offline import OFFLINE_MODEL
from chat.rag.retrieve import Tools
from chat.services.unattended import answer
from monitoring.evaluation.answered import AnsweredQuestion
from monitoring.evaluation.examination import Examination, without_value
from monitoring.evaluation.measures.round_trip import (
    NOTHING_SAID,
    PROMPT,
    ROUND_TRIP,
    offline_question,
    question_from_answer,
    round_trip_similarity,
)
from monitoring.judges.base import JudgeTools

NAME = ROUND_TRIP.name
RULE_VERSION = "rule_v1"


class RoundTrip:
    """An examiner that goes the way of A -> Q -> A'."""

    names = (NAME,)

    def __init__(self, recipe: Recipe, tools: Tools, measuring: TextEmbedder) -> None:
        """`recipe` answers again, and its model writes the question; `measuring` compares the two answers."""
        self._recipe, self._tools, self._measuring = recipe, tools, measuring

    @property
    def version(self) -> str:
        """How the question is made."""
        return RULE_VERSION if self._recipe.model == OFFLINE_MODEL else PROMPT

    async def examine(self, answered: AnsweredQuestion) -> Examination:
        """See Examiner."""
        return await self.go(
            answered.answer, nothing_found=answered.nothing_found, collection_id=answered.question.collection_id
        )

    async def go(self, text: str, *, nothing_found: bool, collection_id: int | None) -> Examination:
        """Go the way from an answer. One call for the question, and those of an answer."""
        calls: list[LLMCall] = []
        if nothing_found:
            return self._without(NOTHING_SAID, calls)
        try:
            question = await self._question(text, calls)
        except GenerationError as error:
            return self._without(f"No question could be made: {error}", calls, failed=error.retryable)
        if not question:
            return self._without(NOTHING_SAID, calls)
        again = await answer(AnswerRequest(question, collection_id, self._recipe), self._tools)
        if again.failed:
            reason = f"The made question was not answered: {again.error_message}"
            return replace(self._without(reason, calls, failed=True), answered_again=again)
        measured = round_trip_similarity(text, again.result.answer, self._measuring)
        said = [f"Made question: {question}", f"Answered again: {again.result.answer}", measured.explanation]
        measured = replace(measured, explanation="\n\n".join(filter(None, said)))
        return Examination({NAME: measured}, calls, self.version, again)

    def _without(self, reason: str, calls: list[LLMCall], *, failed: bool = False) -> Examination:
        return without_value(NAME, reason, failed=failed, calls=calls, version=self.version)

    async def _question(self, text: str, calls: list[LLMCall]) -> str:
        if self._recipe.model == OFFLINE_MODEL:
            return offline_question(text)
        tools = JudgeTools(access=self._tools.access, model=self._recipe.model)
        return await question_from_answer(text, tools, calls.append)


def round_trip_title(turn_id: int | None) -> str:
    """Return the title of the conversation that a second answer is recorded in, by which it is found."""
    return f"Round trip of turn {turn_id}"
