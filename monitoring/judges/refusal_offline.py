"""Judge without a model: does the answer answer, or does it only say that it cannot?

Labels    ANSWERED 1, REFUSED 0
Empty     an empty answer: unscored
Source    this project's rule, see answer_text.py: of 59 refusals that it found in 1,477 answers of language models 57
          were some, and it missed 2
"""

from chat.rag.embed import TextEmbedder
from monitoring.judges.answer_text import REFUSAL_MAX_CHARS, is_refusal, said_text
from monitoring.judges.base import JudgedTurn, Verdict
from monitoring.judges.criteria import CRITERIA
from monitoring.judges.offline_judge import OfflineJudge

NAME = "refusal_offline"


def decide(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    """See the module."""
    if not said_text(turn.answer):
        return Verdict(NAME, None, error="The answer is empty.")
    label = "REFUSED" if is_refusal(turn.answer) else "ANSWERED"
    return Verdict(NAME, JUDGE.labels[label], label=label)


JUDGE = OfflineJudge(
    name=NAME,
    criterion=CRITERIA["refusal"],
    decide=decide,
    version="1",
    settings={"refusal_max_chars": REFUSAL_MAX_CHARS},
    known_bias=(
        "A rule over the words of the first sentence, which knows English and some German. A refusal in another "
        "language, or one that comes late, is called an answer."
    ),
    source="rule over words, monitoring/judges/answer_text.py",
)
