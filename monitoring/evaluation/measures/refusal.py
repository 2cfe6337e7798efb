"""Refusal: does the answer say that it does not know exactly where nothing answers the question?

Formula   unanswerable question: 1 if the turn found nothing or the answer only says that it does not know, else 0;
          answerable question: 1 if it does neither, else 0
Range     0 or 1; look at unanswerable questions apart (a slice), since a dataset has few of them
Empty     never unscored; an empty answer is a refusal
Source    Rajpurkar, Jia and Liang, Know What You Don't Know, 2018 (unanswerable questions); the rule is this project's,
          see `monitoring/judges/answer_text.py`: of 59 refusals that it found in 1,477 answers of language models 57
          were some, and it missed 2
"""

from monitoring.evaluation.measures.answers import UNANSWERABLE, AnsweredItem
from monitoring.evaluation.measures.base import Measurement
from monitoring.judges.answer_text import is_refusal


def refusal_correct(item: AnsweredItem) -> Measurement:
    """Return whether it refused exactly when it had to."""
    refused = item.nothing_found or is_refusal(item.answer)
    return Measurement(
        float(refused != item.is_answerable),
        label="refused" if refused else "answered",
        explanation="" if item.is_answerable else UNANSWERABLE,
    )
