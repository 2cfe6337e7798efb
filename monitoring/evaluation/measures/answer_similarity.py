"""Answer similarity: does the answer mean what the expected answer means?

Formula   cosine of the vectors of both texts, by the embedder that is passed in; negative ones count as 0
Range     0 to 1. Texts on one subject are near 0.5 whatever they say, and a "not" moves it little: it finds answers
          that miss the point, not those that turn it round. Compare it only between runs with the same embedder
Empty     no expected answer, or an unanswerable question: unscored; no answer: 0
Source    Reimers and Gurevych, Sentence-BERT, 2019, for vectors whose cosine tells meaning

Citations and quote marks are left out. An embedder reads so much of a text and no more (the local one 256 tokens).
"""

from collections.abc import Sequence

from chat.rag.embed import TextEmbedder
from monitoring.evaluation.measures.answers import NOTHING_EXPECTED, UNANSWERABLE, AnsweredItem
from monitoring.evaluation.measures.base import Measurement, unscored
from monitoring.judges.answer_text import said_text
from monitoring.judges.similarity import text_similarities


def answer_similarity(items: Sequence[AnsweredItem], embedder: TextEmbedder) -> list[Measurement]:
    """Return the similarity of each item, in order; all texts are embedded together. Raises EmbeddingError."""
    pairs = [(said_text(item.answer), item.expected_answer.strip()) for item in items]
    wanted = [place for place, (answer, expected) in enumerate(pairs) if _reason(items[place]) == "" and answer]
    similarities = text_similarities([pairs[place] for place in wanted], embedder)
    by_place = dict(zip(wanted, similarities, strict=True))
    return [
        unscored(reason) if (reason := _reason(item)) else Measurement(by_place.get(place, 0.0))
        for place, item in enumerate(items)
    ]


def _reason(item: AnsweredItem) -> str:
    if not item.is_answerable:
        return UNANSWERABLE
    return "" if item.expected_answer.strip() else NOTHING_EXPECTED
