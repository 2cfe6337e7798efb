"""Judge without a model: are the hits about the question?

A hit matches by the mean of two shares: the question's words that it has (stems of words that mean something; title and
headings count), and the cosine between question and hit. The best hit counts. Only the two hits with most of the words
are embedded, which costs the judge nothing in accuracy. Without an embedder, words alone decide.

Labels    RELEVANT 1 where the best match is RELEVANT_MIN or more, NON_RELEVANT 0 below PARTLY_MIN, PARTLY_RELEVANT 0.5
Empty     no hits, or a question without a word that means something: unscored
Source    the idea of context relevance in Es et al., RAGAS, 2023, by words and vectors in place of a model
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.rag.embed import LOCAL_NAME, TextEmbedder
from chat.rag.words import stems
from monitoring.judges.base import JudgedHit, JudgedTurn, Verdict
from monitoring.judges.criteria import CRITERIA
from monitoring.judges.offline_judge import OfflineJudge
from monitoring.judges.similarity import text_similarities, word_share

NAME = "context_relevance_offline"
# Measured on 150 questions to a FAQ of 948 entries, five entries each. With the entry that answers among them RELEVANT
# for 95 of 100 (95 % interval 90 to 97) and NON_RELEVANT for 0; with five entries by chance 1 and 90; with the five
# nearest ones that do not answer 44 and 17, which is what "about the question" means: about it, not answering it.
RELEVANT_MIN = 0.5
PARTLY_MIN = 0.35
EMBEDDED_HITS_MAX = 2
# Embedding takes the time. With 1,200 characters it takes twice as long and finds no more.
EMBEDDED_CHARS_MAX = 400


@dataclass(frozen=True, slots=True)
class Match:
    """How well the best hit matches a question, 0 to 1."""

    rank: int
    value: float


def best_match(question: str, hits: Sequence[JudgedHit], embedder: TextEmbedder | None) -> Match:
    """Return the hit that matches best; there must be one."""
    shares = [(word_share(question, _whole(hit)), hit) for hit in hits]
    best = sorted(shares, key=lambda pair: -pair[0])[:EMBEDDED_HITS_MAX]
    if embedder is None:
        return Match(best[0][1].rank, best[0][0])
    cosines = text_similarities([(question, _whole(hit)[:EMBEDDED_CHARS_MAX]) for _, hit in best], embedder)
    matches = [Match(hit.rank, (share + cosine) / 2) for (share, hit), cosine in zip(best, cosines, strict=True)]
    return max(matches, key=lambda match: match.value)


def decide(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    """See the module."""
    if not stems(turn.question):
        return Verdict(NAME, None, error="The question has no word that could be looked for.")
    if not turn.hits:
        return Verdict(NAME, None, error="There are no hits to compare the question with.")
    match = best_match(turn.question, turn.hits, embedder)
    label = (
        "RELEVANT"
        if match.value >= RELEVANT_MIN
        else "PARTLY_RELEVANT"
        if match.value >= PARTLY_MIN
        else "NON_RELEVANT"
    )
    explanation = f"The best hit, [{match.rank}], matches the question by {match.value:.2f}."
    return Verdict(NAME, JUDGE.labels[label], label=label, explanation=explanation)


def _whole(hit: JudgedHit) -> str:
    return f"{hit.title}\n{hit.heading_path}\n{hit.text}"


JUDGE = OfflineJudge(
    name=NAME,
    criterion=CRITERIA["context_relevance"],
    decide=decide,
    version="1",
    settings={
        "relevant_min": RELEVANT_MIN,
        "partly_min": PARTLY_MIN,
        "embedded_hits_max": EMBEDDED_HITS_MAX,
        "embedded_chars_max": EMBEDDED_CHARS_MAX,
        "embedder": LOCAL_NAME,
    },
    known_bias=(
        "Sees the subject, not whether the hits answer: the neighbours of the right passage are relevant to it nearly "
        "as often. A question in another language than its hits, or with a word for which they have another, is called "
        "worse than it is."
    ),
    source="Es et al., RAGAS, 2023 (context relevance), by words and vectors",
)
