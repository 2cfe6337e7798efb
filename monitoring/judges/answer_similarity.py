"""Judge without a model: how near is the answer to the expected answer in meaning?

Formula   cosine of the vectors of both texts, negative ones as 0; the same as the measure of evaluation runs
Labels    none: a cosine is not right or wrong
Empty     no expected answer, an empty answer, or no embedder: unscored
Source    Reimers and Gurevych, Sentence-BERT, 2019
"""

from chat.rag.embed import LOCAL_NAME, TextEmbedder
from monitoring.judges.answer_text import said_text
from monitoring.judges.base import JudgedTurn, Verdict
from monitoring.judges.criteria import CRITERIA
from monitoring.judges.offline_judge import OfflineJudge
from monitoring.judges.similarity import text_similarities

NAME = "answer_similarity"


def decide(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    """See the module."""
    said, expected = said_text(turn.answer), turn.expected_answer.strip()
    if not expected:
        return Verdict(NAME, None, error="There is no expected answer.")
    if not said:
        return Verdict(NAME, None, error="The answer is empty.")
    if embedder is None:
        return Verdict(NAME, None, error="There is no embedder to compare the texts by.")
    (similarity,) = text_similarities([(said, expected)], embedder)
    return Verdict(NAME, similarity)


JUDGE = OfflineJudge(
    name=NAME,
    criterion=CRITERIA["answer_similarity"],
    decide=decide,
    version="1",
    settings={"embedder": LOCAL_NAME},
    needs_reference=True,
    known_bias=(
        'Texts on one subject are near 0.5 whatever they say, and a "not" moves it little: it finds answers that miss '
        "the point, not those that turn it round."
    ),
    source="Reimers and Gurevych, Sentence-BERT, 2019",
)
