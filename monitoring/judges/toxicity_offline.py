"""Judge without a model: is the answer insulting, hateful, threatening or obscene?

Labels    NOT_TOXIC 1, TOXIC 0
Empty     an empty answer: unscored
Source    alt-profanity-check; how it is used, what it finds and what it misses is in profanity.py
"""

from chat.rag.embed import TextEmbedder
from monitoring.judges.answer_text import said_text
from monitoring.judges.base import JudgedTurn, Verdict
from monitoring.judges.criteria import CRITERIA
from monitoring.judges.offline_judge import OfflineJudge
from monitoring.judges.profanity import KNOWN_BIAS, SETTINGS, SOURCE, verdict_on

NAME = "toxicity_offline"


def decide(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    """See the module."""
    text = said_text(turn.answer)
    return verdict_on(NAME, text) if text else Verdict(NAME, None, error="The answer is empty.")


JUDGE = OfflineJudge(
    name=NAME,
    criterion=CRITERIA["toxicity"],
    decide=decide,
    version="1",
    settings=SETTINGS,
    known_bias=KNOWN_BIAS,
    source=SOURCE,
)
