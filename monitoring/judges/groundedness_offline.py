"""Judge without a model: is what the answer says written in the hits?

An answer is taken apart into sentences, each with the list or code that follows it. A sentence is supported by a hit
that has all of its numbers, and SUPPORT_MIN or more of its words (stems of words that mean something; the hit's title
and headings count). Where words leave it open, meaning decides with them: the mean of that share and the cosine between
the sentence and the nearest piece of the hit has to reach the same. Without an embedder, words alone decide.

Formula   supported sentences / sentences that say something
Labels    SUPPORTED at 1, UNSUPPORTED at 0, PARTLY_SUPPORTED between
Empty     nothing said (an empty answer, a refusal, words such as "Yes."), or no hits: unscored
Source    the idea of faithfulness in Es et al., RAGAS, 2023, by words and vectors in place of a model
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chat.rag.embed import LOCAL_NAME, TextEmbedder
from chat.rag.passages import split_pieces
from chat.rag.words import stems
from monitoring.judges.answer_text import is_refusal, said_text
from monitoring.judges.base import JudgedHit, JudgedTurn, Verdict
from monitoring.judges.criteria import CRITERIA
from monitoring.judges.offline_judge import OfflineJudge

NAME = "groundedness_offline"
# Measured on 151 sentences of a language model's answers to a FAQ: with hits like those that it had, 87 of 100 are
# supported (by words alone 80); with five other entries near the question, some of which say the same, 6; with five
# entries of other subjects none. The model also gave advice of its own, so 100 is not the aim. At 0.5 it is 89 and 9,
# at 0.6 it is 79 and 4. Grounded is not right: held against a judge that knew the reference, on 375 answers with five
# hits each, its labels agree with "bad" by a kappa of 0.07 (95 % interval 0.02 to 0.14).
SUPPORT_MIN = 0.55
# With fewer words in common no meaning is near enough, and looking for it takes most of the time.
OPEN_MIN = 0.3
# "Yes." and "Good luck!" claim nothing that could be looked up.
MIN_STEMS = 2

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LIST_NUMBER = re.compile(r"^[ \t]*\d+[.)][ \t]", re.MULTILINE)


def decide(turn: JudgedTurn, embedder: TextEmbedder | None) -> Verdict:
    """See the module. Embeds in one batch what words leave open."""
    sentences = claims(turn.answer)
    if not sentences:
        return Verdict(NAME, None, error="The answer says nothing that could be looked up.")
    if not turn.hits:
        return Verdict(NAME, None, error="There are no hits to compare the answer with.")
    support = support_of(sentences, turn.hits, embedder)
    missing = [sentence for sentence, value in zip(sentences, support, strict=True) if value < SUPPORT_MIN]
    value = 1 - len(missing) / len(sentences)
    label = "SUPPORTED" if not missing else "PARTLY_SUPPORTED" if value else "UNSUPPORTED"
    quoted = "; ".join(f'"{" ".join(sentence.split())[:120]}"' for sentence in missing)
    explanation = f"Not in the hits: {quoted}" if missing else ""
    return Verdict(NAME, value, label=label, explanation=explanation, details={"unsupported": missing})


def claims(answer: str) -> list[str]:
    """Return the sentences that say something; none for a refusal."""
    if is_refusal(answer):
        return []
    pieces = [piece.text for piece in split_pieces(said_text(answer))]
    return [piece for piece in pieces if len(stems(piece)) >= MIN_STEMS]


def support_of(sentences: Sequence[str], hits: Sequence[JudgedHit], embedder: TextEmbedder | None) -> list[float]:
    """Return how well the best hit supports each sentence, 0 to 1; 0 where no hit has all of its numbers."""
    shares = np.array([[_share_of_words(sentence, hit) for hit in hits] for sentence in sentences])
    support = shares.max(axis=1)
    places = [place for place, best in enumerate(support) if OPEN_MIN <= best < SUPPORT_MIN]
    if embedder is not None and places:
        near = [number for number in range(len(hits)) if (shares[places, number] >= OPEN_MIN).any()]
        cosines = _cosines([sentences[place] for place in places], [hits[number].text for number in near], embedder)
        means = (shares[np.ix_(places, near)] + cosines) / 2
        # A hit without the sentence's numbers has the share 0, and supports it with no meaning.
        means[shares[np.ix_(places, near)] < OPEN_MIN] = 0
        support[places] = np.maximum(support[places], means.max(axis=1))
    return [float(value) for value in support]


def _share_of_words(sentence: str, hit: JudgedHit) -> float:
    whole = f"{hit.title} {hit.heading_path} {hit.text}"
    if not _numbers(_LIST_NUMBER.sub("", sentence)) <= _numbers(whole):
        return 0.0
    words = stems(sentence)
    return len(words & stems(whole)) / len(words)


def _cosines(sentences: Sequence[str], texts: Sequence[str], embedder: TextEmbedder) -> NDArray[np.float64]:
    """Return the cosine of each sentence with the nearest piece of each text, 0 to 1."""
    pieces = [(number, piece.text) for number, text in enumerate(texts) for piece in split_pieces(text)]
    vectors = embedder.embed_documents([*sentences, *(piece for _, piece in pieces)]).vectors
    similarities = vectors[: len(sentences)] @ vectors[len(sentences) :].T
    nearest = np.zeros((len(sentences), len(texts)))
    for place, (number, _) in enumerate(pieces):
        nearest[:, number] = np.maximum(nearest[:, number], similarities[:, place])
    return nearest


def _numbers(text: str) -> frozenset[str]:
    return frozenset(_NUMBER.findall(text))


JUDGE = OfflineJudge(
    name=NAME,
    criterion=CRITERIA["groundedness"],
    decide=decide,
    version="1",
    settings={"support_min": SUPPORT_MIN, "open_min": OPEN_MIN, "min_stems": MIN_STEMS, "embedder": LOCAL_NAME},
    known_bias=(
        "Sees words and subjects, not logic: a sentence that turns its source round is supported. A good paraphrase in "
        "other words may not be. Knows English words best. The value is the share of sentences, the label its range."
    ),
    source="Es et al., RAGAS, 2023 (faithfulness), by words and vectors",
    for_evaluation=True,
)
