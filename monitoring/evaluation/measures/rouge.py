"""ROUGE-1, ROUGE-2 and ROUGE-L: how many words does the answer share with the expected answer?

Formula   F1 of shared words (1), of shared pairs of neighbours (2), of the longest common sequence (L) of stemmed words
Range     0 to 1. Right answers in other words have low values: above 0.4 is much for free text
Empty     no expected answer, an unanswerable question, or a text in another script than Latin (which the library does
          not read): unscored; no answer: 0
Source    Lin, ROUGE: A Package for Automatic Evaluation of Summaries, 2004; the library `rouge-score`
"""

from functools import lru_cache
from typing import Any, Literal

from monitoring.evaluation.measures.answers import NOTHING_EXPECTED, UNANSWERABLE, AnsweredItem
from monitoring.evaluation.measures.base import Measurement, unscored
from monitoring.judges.answer_text import said_text

Kind = Literal["rouge1", "rouge2", "rougeL"]


def rouge_1(item: AnsweredItem) -> Measurement:
    """Return the F1 of single words."""
    return _rouge(item, "rouge1")


def rouge_2(item: AnsweredItem) -> Measurement:
    """Return the F1 of pairs of words."""
    return _rouge(item, "rouge2")


def rouge_l(item: AnsweredItem) -> Measurement:
    """Return the F1 of the longest common sequence of words."""
    return _rouge(item, "rougeL")


def _rouge(item: AnsweredItem, kind: Kind) -> Measurement:
    expected = item.expected_answer.strip()
    if not item.is_answerable:
        return unscored(UNANSWERABLE)
    if not expected:
        return unscored(NOTHING_EXPECTED)
    if not _is_latin(expected):
        return unscored("ROUGE reads Latin letters and digits only; most of the expected answer is in others.")
    return Measurement(float(_scorer(kind).score(expected, said_text(item.answer))[kind].fmeasure))


def _is_latin(text: str) -> bool:
    """Return whether most of the letters and digits are a to z or 0 to 9, which is all that the library reads."""
    characters = [character for character in text if character.isalnum()]
    return sum(1 for character in characters if character.isascii()) > len(characters) / 2


@lru_cache
def _scorer(kind: Kind) -> Any:  # the library has no types
    # It loads a language toolkit, which takes a second: only where answers are measured.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], use_stemmer=True)
