"""Citation accuracy: do the answer's citations point to documents that answer the question?

Formula   number of different hits that are cited and are of a relevant document / number of different hits cited
Range     0 to 1
Empty     nothing cited, nothing relevant known, or an unanswerable question: unscored
Source    citation precision of Liu, Zhang and Liang, Evaluating Verifiability in Generative Search Engines, 2023, with
          the dataset's relevant documents in place of a reader

Citations of hits that do not exist are not counted: they are removed while the answer is written.
"""

from chat.rag.citations import clean_citations
from monitoring.evaluation.measures.answers import UNANSWERABLE, AnsweredItem
from monitoring.evaluation.measures.base import NOTHING_RELEVANT, Measurement, unscored


def citation_accuracy(item: AnsweredItem) -> Measurement:
    """Return the share of cited hits that are of a relevant document."""
    if not item.is_answerable:
        return unscored(UNANSWERABLE)
    if not item.relevant_documents:
        return unscored(NOTHING_RELEVANT)
    cited = clean_citations(item.answer, len(item.hit_documents)).cited_ranks
    if not cited:
        return unscored("The answer cites nothing.")
    right = [rank for rank in cited if item.hit_documents[rank - 1] in item.relevant_documents]
    wrong = ", ".join(f"[{rank}]" for rank in cited if rank not in right)
    return Measurement(len(right) / len(cited), explanation=f"Of other documents: {wrong}." if wrong else "")
