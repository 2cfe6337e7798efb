"""Judge without a model: does each citation lead to a hit that supports its sentence?

A citation belongs to the sentence, list or code that it stands in; where it stands alone, below a list or a block of
code, to what is before it. It is right where there is a hit of that number, and it supports the sentence as for
groundedness (groundedness_offline.py). Where a sentence cites several hits, all of them together may support it, and
each has to have some of its words.

Formula   right citations / citations that can be looked up
Labels    CORRECT at 1, WRONG at 0, PARTLY_CORRECT between
Empty     no citation (whether one is missing is another question), a refusal, no citation whose sentence says something
          that could be looked up: unscored
Source    citation precision of Liu, Zhang and Liang, Evaluating Verifiability in Generative Search Engines, 2023, with
          words and vectors in place of a reader
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.rag.citations import clean_citations
from chat.rag.embed import LOCAL_NAME, TextEmbedder
from chat.rag.passages import split_pieces
from chat.rag.words import stems
from monitoring.judges.answer_text import cited_text, is_refusal, said_text
from monitoring.judges.base import JudgedHit, JudgedTurn, Verdict
from monitoring.judges.criteria import CRITERIA
from monitoring.judges.groundedness_offline import MIN_STEMS, OPEN_MIN, SUPPORT_MIN, support_of
from monitoring.judges.offline_judge import OfflineJudge
from monitoring.judges.similarity import word_share

NAME = "citation_accuracy_offline"
# Measured on 361 answers of a language model to questions of a FAQ, five hits each. Where each sentence cites the hit
# with the reference answer, 82 of 100 citations of an answer are right (95 % interval 77 to 86, 78 documents); where it
# cites the hit after that one, 10 (6 to 15). The model also gave advice of its own, so 100 is not the aim.
RANK_MAX = 999  # the largest number that a citation can have


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence without its citations, and the ranks that it cites."""

    sentence: str
    ranks: tuple[int, ...]


def cited_sentences(answer: str) -> list[Cited]:
    """Return the sentences that cite something, in order."""
    found: list[Cited] = []
    before = ""
    for piece in split_pieces(cited_text(answer)):
        ranks = clean_citations(piece.text, RANK_MAX).cited_ranks
        sentence = said_text(piece.text)
        if ranks:
            found.append(Cited(sentence if stems(sentence) else before, ranks))
        before = sentence if stems(sentence) else before
    return found


def decide(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    """See the module."""
    if is_refusal(turn.answer):
        return Verdict(NAME, None, error="The answer says nothing that could be looked up.")
    cited = cited_sentences(turn.answer)
    if not cited:
        return Verdict(NAME, None, error="The answer cites nothing.")
    hits = {hit.rank: hit for hit in turn.hits}
    checked = wrong = 0
    problems: list[str] = []
    for one in cited:
        missing = [rank for rank in one.ranks if rank not in hits]
        found = [rank for rank in one.ranks if rank in hits]
        unsupported = _unsupported(one.sentence, [hits[rank] for rank in found], embedder)
        checked += len(missing) + (0 if unsupported is None else len(found))
        wrong += len(missing) + len(unsupported or ())
        problems += [f"[{rank}] There is no such hit." for rank in missing]
        problems += [f"[{rank}] {' '.join(one.sentence.split())[:200]}" for rank in unsupported or ()]
    if not checked:
        return Verdict(NAME, None, error="No citation has a sentence that could be looked up.")
    value = 1 - wrong / checked
    label = "CORRECT" if not wrong else "PARTLY_CORRECT" if value else "WRONG"
    return Verdict(NAME, value, label=label, explanation="; ".join(problems)[:2_000], details={"wrong": problems})


def _unsupported(sentence: str, hits: Sequence[JudgedHit], embedder: TextEmbedder | None) -> list[int] | None:
    """Return the ranks of those hits that do not support a sentence; None where nothing can be looked up."""
    if len(stems(sentence)) < MIN_STEMS or not hits:
        return None
    if len(hits) == 1:
        return [hit.rank for hit in hits if support_of([sentence], [hit], embedder)[0] < SUPPORT_MIN]
    together = JudgedHit(0, "", "", "\n\n".join(f"{hit.title} {hit.heading_path}\n\n{hit.text}" for hit in hits))
    if support_of([sentence], [together], embedder)[0] < SUPPORT_MIN:
        return [hit.rank for hit in hits]
    return [hit.rank for hit in hits if word_share(sentence, f"{hit.title} {hit.heading_path} {hit.text}") < OPEN_MIN]


JUDGE = OfflineJudge(
    name=NAME,
    criterion=CRITERIA["citation_accuracy"],
    decide=decide,
    version="1",
    settings={"support_min": SUPPORT_MIN, "open_min": OPEN_MIN, "min_stems": MIN_STEMS, "embedder": LOCAL_NAME},
    known_bias=(
        "Sees words and subjects, not logic, as groundedness (offline) does. A citation at the end of a paragraph is "
        "held against its last sentence only. The value is the share of right citations, the label its range."
    ),
    source="Liu, Zhang and Liang, Evaluating Verifiability, 2023 (citation precision), by words and vectors",
    for_evaluation=True,
)
