"""Judge without a model: did the conversation give the user what they came for?

A rule over the transcript. A question went badly where its answer is empty or a refusal, or where the user asks the
same again later: SAME_WORDS_MIN or more of the words of both are in both (stems of words that mean something). The last
question counts twice, because it is what the user leaves with.

Formula   weight of the questions that went well / weight of all
Labels    GOOD at 1, BAD below BAD_BELOW, MIXED between
Empty     no question at all: unscored
Source    this project's rule; rephrased questions as a sign of failure: Hassan et al., Struggling or Exploring?, 2014
"""

from chat.rag.config import Exchange
from chat.rag.embed import TextEmbedder
from chat.rag.words import stems
from monitoring.judges.answer_text import is_refusal
from monitoring.judges.base import JudgedTurn, Verdict
from monitoring.judges.criteria import CRITERIA
from monitoring.judges.offline_judge import OfflineJudge

NAME = "session_quality_offline"
SAME_WORDS_MIN = 0.6
LAST_WEIGHT = 2
BAD_BELOW = 0.5


def decide(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    """See the module."""
    exchanges = [*turn.history, Exchange(turn.question, turn.answer)]
    exchanges = [exchange for exchange in exchanges if exchange.question.strip()]
    if not exchanges:
        return Verdict(NAME, None, error="The conversation has no question.")
    problems = [_problem(place, exchanges) for place in range(len(exchanges))]
    weights = [1] * (len(exchanges) - 1) + [LAST_WEIGHT]
    value = sum(weight for weight, problem in zip(weights, problems, strict=True) if not problem) / sum(weights)
    label = "BAD" if value < BAD_BELOW else "GOOD" if not any(problems) else "MIXED"
    found = [f"question {place} {problem}" for place, problem in enumerate(problems, 1) if problem]
    explanation = f"{len(exchanges)} questions; {', '.join(found)}." if found else ""
    return Verdict(NAME, value, label=label, explanation=explanation, details={"problems": found})


def _problem(place: int, exchanges: list[Exchange]) -> str:
    """Return what went badly with a question; empty where nothing did."""
    exchange = exchanges[place]
    if is_refusal(exchange.answer):
        return "was not answered"
    if any(_is_same(exchange.question, later.question) for later in exchanges[place + 1 :]):
        return "was asked again"
    return ""


def _is_same(question: str, later: str) -> bool:
    first, second = stems(question), stems(later)
    return bool(first | second) and len(first & second) / len(first | second) >= SAME_WORDS_MIN


JUDGE = OfflineJudge(
    name=NAME,
    criterion=CRITERIA["session_quality"],
    decide=decide,
    version="1",
    settings={"same_words_min": SAME_WORDS_MIN, "last_weight": LAST_WEIGHT, "bad_below": BAD_BELOW},
    known_bias=(
        "Does not see whether answers are right, and takes a conversation that the user gave up in silence for a good "
        "one. Right refusals count as failures. A question asked again in quite other words is not noticed."
    ),
    source="this project's rule over the transcript",
)
