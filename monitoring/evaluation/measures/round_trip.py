"""Round trip, A -> Q -> A': does the question that an answer answers lead back to the same answer?

A question is made from an answer, without looking at the question that was asked, and is put to the same config again.
Answers that are clear and stand in the documents come back; those that were made up, that mix subjects or say nothing
do not. It needs no reference, so it can be had for live turns too.

Formula   cosine of the vectors of both answers, negative ones count as 0; 0 where the second answer is a refusal
Range     0 to 1; a config that gives everybody the same answer has 1, so read it beside other measures
Empty     no answer, a refusal, or no question could be made of it: unscored
Source    cycle consistency of questions and answers: Alberti et al., Synthetic QA Corpora Generation with Roundtrip
          Consistency, 2019
"""

from pathlib import Path

from chat.exceptions import ConfigurationError
from chat.rag.config import LLMRequest, Purpose
from chat.rag.embed import TextEmbedder
from chat.rag.llm import complete
from chat.rag.words import content_words
from monitoring.evaluation.measures.base import Measure, Measurement, unscored
from monitoring.judges.answer_text import is_refusal, said_text
from monitoring.judges.base import JudgeTools, Record
from monitoring.judges.prompt import make_prompt
from monitoring.judges.similarity import text_similarities

PROMPT = "question_from_answer_v1"
PROMPTS_DIR = Path(__file__).parent.parent / "prompts"
NOTHING_SAID = "The answer says nothing that a question could be made of."
# A question has the words of the subject, not of the whole answer; and text search ORs them.
OFFLINE_WORDS_MAX = 12
QUESTION_MAX_TOKENS = 1_000

ROUND_TRIP = Measure(
    name="round_trip",
    label="Round trip",
    description="Similarity of the answer with the answer to a question made from it (A -> Q -> A').",
)


async def question_from_answer(answer: str, tools: JudgeTools, record: Record) -> str:
    """Return a question that a model made from an answer, "" where there is none to make. One call.

    Raises GenerationError when the model fails, and ConfigurationError when none is set up.
    """
    if is_refusal(answer):
        return ""
    if not tools.model:
        raise ConfigurationError("Questions from answers need a model: name one as provider/model.")
    request = LLMRequest(
        model=tools.model,
        purpose=Purpose.QUESTION,
        prompt=make_prompt(PROMPT, {"answer": said_text(answer)}, folder=PROMPTS_DIR),
        temperature=0.0,
        max_output_tokens=QUESTION_MAX_TOKENS,
    )
    text = await complete(request, access=tools.access, record=record)
    return " ".join(text.split()).strip("\"'\u201c\u201d ")


def offline_question(answer: str) -> str:
    """Return a question made by rule, "" where there is none to make: the first words of the answer that mean
    something, each once, in their order. It is no sentence, but all that search looks at."""
    if is_refusal(answer):
        return ""
    words = dict.fromkeys(word.casefold() for word in content_words(said_text(answer)))
    return " ".join([*words][:OFFLINE_WORDS_MAX]) + "?" if words else ""


def round_trip_similarity(answer: str, answer_again: str, embedder: TextEmbedder) -> Measurement:
    """Compare the answer with the one to the question that was made from it. Raises EmbeddingError."""
    if is_refusal(answer):
        return unscored(NOTHING_SAID)
    if is_refusal(answer_again):
        return Measurement(0.0, explanation="The question that was made from the answer was not answered.")
    (similarity,) = text_similarities([(said_text(answer), said_text(answer_again))], embedder)
    return Measurement(similarity)
