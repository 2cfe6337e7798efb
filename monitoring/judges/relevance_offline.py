"""Judge without a model: does the answer speak about the question?

The larger of two figures decides: the cosine between question and answer, and the share of the question's words in the
answer. An answer that only says that it does not know is relevant where no hit is about the question, and not relevant
where one is. Without an embedder, words alone decide.

Labels    RELEVANT 1 from RELEVANT_MIN on, NON_RELEVANT 0 below PARTLY_MIN, PARTLY_RELEVANT 0.5 between
Empty     an empty answer, or a question without a word that means something: unscored
Source    the idea of answer relevance in Es et al., RAGAS, 2023, by words and vectors in place of a model
"""

from chat.rag.embed import LOCAL_NAME, TextEmbedder
from chat.rag.words import stems
from monitoring.judges import context_relevance_offline
from monitoring.judges.answer_text import is_refusal, said_text
from monitoring.judges.base import JudgedTurn, Verdict
from monitoring.judges.context_relevance_offline import best_match
from monitoring.judges.criteria import CRITERIA
from monitoring.judges.offline_judge import OfflineJudge
from monitoring.judges.similarity import text_similarities, word_share

NAME = "relevance_offline"
# Measured on 395 answers of a language model to questions of a FAQ (79 documents). Of its 365 good ones 98 of 100 are
# RELEVANT (95 % interval 95 to 99), of answers to other questions 1 (0 to 3). Being about the question is not being
# right: held against a judge that knew the reference, with five hits each, it finds 9 of 30 bad answers, all of them
# refusals, none of the 10 others, and calls 3 of 365 good ones NON_RELEVANT (kappa 0.40, interval 0.20 to 0.58).
RELEVANT_MIN = 0.4
PARTLY_MIN = 0.3


def decide(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    """See the module."""
    if not stems(turn.question):
        return Verdict(NAME, None, error="The question has no word that could be looked for.")
    said = said_text(turn.answer)
    if not said:
        return Verdict(NAME, None, error="The answer is empty.")
    if is_refusal(turn.answer):
        return _of_refusal(turn, embedder)
    cosine = text_similarities([(turn.question, said)], embedder)[0] if embedder else 0.0
    share = word_share(turn.question, said)
    match = max(cosine, share)
    label = "RELEVANT" if match >= RELEVANT_MIN else "PARTLY_RELEVANT" if match >= PARTLY_MIN else "NON_RELEVANT"
    explanation = f"Similarity of question and answer {cosine:.2f}, words of the question in the answer {share:.0%}."
    return Verdict(NAME, JUDGE.labels[label], label=label, explanation=explanation)


def _of_refusal(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    match = best_match(turn.question, turn.hits, embedder) if turn.hits else None
    if match is None or match.value < context_relevance_offline.RELEVANT_MIN:
        explanation = "It says that it does not know, and no hit is about the question."
        return Verdict(NAME, JUDGE.labels["RELEVANT"], label="RELEVANT", explanation=explanation)
    explanation = f"It says that it does not know, though hit [{match.rank}] is about the question."
    return Verdict(NAME, JUDGE.labels["NON_RELEVANT"], label="NON_RELEVANT", explanation=explanation)


JUDGE = OfflineJudge(
    name=NAME,
    criterion=CRITERIA["relevance"],
    decide=decide,
    version="1",
    settings={
        "relevant_min": RELEVANT_MIN,
        "partly_min": PARTLY_MIN,
        "hit_min": context_relevance_offline.RELEVANT_MIN,
        "embedder": LOCAL_NAME,
    },
    known_bias=(
        "Sees the subject, not whether the answer is right: a wrong answer about the question is relevant to it. A "
        "refusal counts as a failure where hits are near the question, also where they do not answer it."
    ),
    source="Es et al., RAGAS, 2023 (answer relevance), by words and vectors",
    for_evaluation=True,
)
