"""The answerer that needs no model: it quotes what the hits say about the question, and says that it quotes.

A hit's text is taken apart into pieces: sentences, each with the list, table or code block that follows it. A piece is
scored by how it matches the question alone, how it does together with its document's title and headings (in a FAQ the
title is the question, and the answer repeats hardly a word of it), how the search ranked its hit, and how its
neighbours score. The best pieces are quoted word for word with their citation, in the order of the hits and the text.

Words are compared first, which costs next to nothing. Meaning is compared for the best few only, and only by an
embedder that runs in this process: a server would make every answer wait and cost.
"""

import asyncio
import math
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chat.rag.config import Hit
from chat.rag.embed import TextEmbedder
from chat.rag.passages import Piece, split_pieces
from chat.rag.words import content_words, stems

OFFLINE_MODEL = "offline/extractive"
INTRODUCTION = "Quoted word for word from the documents, as no language model is set up:"

# What one screen holds, and a reader reads.
ANSWER_MAX_CHARS = 900
ANSWER_MAX_QUOTES = 4
# Embedding is what takes the time, 3 to 4 ms a piece; 16 whole ones find no more than 6 beginnings.
EMBEDDED_PIECES_MAX = 6
EMBEDDED_CHARS_MAX = 200

# How much each view of a piece counts; shares and rank are 0..1, cosines are distances from the mean. Measured on 258
# questions to a FAQ with the answers that a language model gave: the sentence nearest to that answer is in the reply
# for 95 of 100, and the right source is cited for 96. The rank matters most (a sixth of it: 92); no other part moves
# that by more than 1, but without meaning and neighbours replies are longer or miss more of what the model said.
WORDS_WEIGHT = 0.3
CONTEXT_WEIGHT = 0.3
RANK_WEIGHT = 0.6
MEANING_WEIGHT = 0.5
HIT_MEANING_WEIGHT = 0.5
NEIGHBOUR_WEIGHT = 0.3
# The first piece of a chunk says what the rest explains.
FIRST_PIECE_BONUS = 0.05
# Pieces with less of the best one's score are left out. At 0.6 the sentence is there for 94 and a reply has 530
# characters on average, at 0.57 for 95 and 558, at 0.55 for 96 and 575, of which less is to the point.
MIN_SHARE_OF_BEST = 0.57

# Streams as a model would, but nobody has to wait: the whole in a third of a second.
WORDS_PER_DELTA = 4
STREAM_SECONDS = 0.3

Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # texts -> their vectors, shape (texts, dimensions), length 1


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """The answer as Markdown with citations, and the ranks of the hits that it quotes."""

    text: str
    cited_ranks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A piece that may be quoted; `position` counts the pieces of its hit from 0."""

    hit: Hit
    position: int
    piece: Piece


def nothing_found_text(question: str) -> str:
    """Return the answer for when the documents hold none: it says so, and what may help."""
    hint = "ask in other words" if len(content_words(question)) > 1 else "ask in a whole sentence"
    return (
        "The documents do not answer this question: nothing in them is close enough to it.\n\n"
        f"You could {hint}, or search in another collection."
    )


async def stream_extract(
    question: str, hits: Sequence[Hit], embedder: TextEmbedder, query_vector: Sequence[float] | None
) -> AsyncGenerator[str]:
    """Yield the extracted answer in small pieces, as a model would."""
    is_local = embedder.name.startswith("local/")
    embed: Embed | None = (lambda texts: embedder.embed_documents(texts).vectors) if is_local else None
    answer = await asyncio.to_thread(extract_answer, question, hits, query_vector=query_vector, embed=embed)
    deltas = re.findall(rf"(?:\s*\S+){{1,{WORDS_PER_DELTA}}}\s*", answer.text)
    for delta in deltas:
        yield delta
        await asyncio.sleep(STREAM_SECONDS / len(deltas))


def extract_answer(
    question: str,
    hits: Sequence[Hit],
    *,
    query_vector: Sequence[float] | None = None,
    embed: Embed | None = None,
) -> ExtractedAnswer:
    """Quote one to four passages of the hits, together about 900 characters.

    Meaning is compared where both the question's vector and `embed`, of the same embedder, are given. That takes most
    of the time, about 80 ms of processor time over all cores; words take 2.
    Hits without any text give the answer that nothing was found.
    """
    candidates = [
        _Candidate(hit, position, piece) for hit in hits for position, piece in enumerate(split_pieces(hit.text))
    ]
    if not candidates:
        return ExtractedAnswer(nothing_found_text(question), ())
    scores = _score_by_words(question, candidates)
    if embed is not None and query_vector is not None:
        _add_meaning(scores, candidates, np.asarray(query_vector, np.float32), embed)
    _add_hit_meaning(scores, candidates)
    _add_neighbours(scores, candidates)
    quotes = _quotes(_choose(candidates, scores))
    text = "\n\n".join([INTRODUCTION, *(_as_markdown(quote) for quote in quotes)])
    return ExtractedAnswer(text, tuple(dict.fromkeys(quote[0].hit.rank for quote in quotes)))


def _score_by_words(question: str, candidates: Sequence[_Candidate]) -> list[float]:
    """Score by the share of the question's words that a piece has, rare ones counting more, and by its place."""
    own = [stems(candidate.piece.text) for candidate in candidates]
    with_context = [
        words | stems(f"{candidate.hit.document_title} {candidate.hit.heading_path} {candidate.piece.heading}")
        for words, candidate in zip(own, candidates, strict=True)
    ]
    asked = stems(question)
    counts = Counter(word for words in with_context for word in words & asked)
    rarity = {word: math.log(1 + (len(candidates) + 1) / (counts[word] + 0.5)) for word in asked}

    def share(words: frozenset[str]) -> float:
        return sum(rarity[word] for word in words & asked) / sum(rarity.values()) if rarity else 0.0

    return [
        WORDS_WEIGHT * share(words)
        + CONTEXT_WEIGHT * share(context)
        + RANK_WEIGHT * 2 / (1 + candidate.hit.rank)
        + (FIRST_PIECE_BONUS if candidate.position == 0 else 0)
        for words, context, candidate in zip(own, with_context, candidates, strict=True)
    ]


def _add_meaning(
    scores: list[float], candidates: Sequence[_Candidate], query_vector: NDArray[np.float32], embed: Embed
) -> None:
    """Raise or lower the best by their cosine with the question, against the mean: the rest stays where it is."""
    best = sorted(range(len(scores)), key=lambda index: -scores[index])[:EMBEDDED_PIECES_MAX]
    cosines = embed([candidates[index].piece.text[:EMBEDDED_CHARS_MAX] for index in best]) @ query_vector
    for index, difference in zip(best, cosines - cosines.mean(), strict=True):
        scores[index] += MEANING_WEIGHT * float(difference)


def _add_hit_meaning(scores: list[float], candidates: Sequence[_Candidate]) -> None:
    """The same for whole hits, whose similarity is known already: ranks do not say how far apart they are."""
    similarities = {hit.rank: hit.similarity for hit in (candidate.hit for candidate in candidates)}
    known = [similarity for similarity in similarities.values() if similarity is not None]
    mean = sum(known) / len(known) if known else 0.0
    for index, candidate in enumerate(candidates):
        if candidate.hit.similarity is not None:
            scores[index] += HIT_MEANING_WEIGHT * (candidate.hit.similarity - mean)


def _add_neighbours(scores: list[float], candidates: Sequence[_Candidate]) -> None:
    """Add a part of the better neighbour's score, for what explains or completes a good piece."""
    alone = list(scores)
    best_neighbour = [0.0] * len(scores)
    for left, right in pairwise(range(len(candidates))):
        if candidates[left].hit.rank == candidates[right].hit.rank:
            best_neighbour[left] = max(best_neighbour[left], alone[right])
            best_neighbour[right] = max(best_neighbour[right], alone[left])
    for index, score in enumerate(best_neighbour):
        scores[index] += NEIGHBOUR_WEIGHT * score


def _choose(candidates: Sequence[_Candidate], scores: Sequence[float]) -> list[_Candidate]:
    """Take the best pieces that fit, each text once; the best one always."""
    ranked = sorted(range(len(candidates)), key=lambda index: (-scores[index], index))
    chosen: list[_Candidate] = []
    for index in ranked:
        if scores[index] < MIN_SHARE_OF_BEST * scores[ranked[0]]:
            break
        extended = [*chosen, candidates[index]]
        texts = [candidate.piece.text for candidate in extended]
        if not chosen or (
            sum(map(len, texts)) <= ANSWER_MAX_CHARS
            and len(set(texts)) == len(texts)
            and len(_quotes(extended)) <= ANSWER_MAX_QUOTES
        ):
            chosen = extended
    return chosen


def _quotes(chosen: Sequence[_Candidate]) -> list[list[_Candidate]]:
    """Order by hit and place; pieces that follow each other in a hit are one quote."""
    quotes: list[list[_Candidate]] = []
    for candidate in sorted(chosen, key=lambda candidate: (candidate.hit.rank, candidate.position)):
        last = quotes[-1][-1] if quotes else None
        if last and last.hit.rank == candidate.hit.rank and last.position == candidate.position - 1:
            quotes[-1].append(candidate)
        else:
            quotes.append([candidate])
    return quotes


def _as_markdown(quote: Sequence[_Candidate]) -> str:
    """A block quote that ends in its citation, which must not end up in a code block, a list or an open code span."""
    first, *rest = (candidate.piece for candidate in quote)
    text = _without_citations(first.text + "".join(piece.before + piece.text for piece in rest))
    is_plain = not quote[-1].piece.ends_in_block and text.count("`") % 2 == 0
    cited = f"{text}{' ' if is_plain else chr(10) * 2}[{quote[0].hit.rank}]"
    return "\n".join(f"> {line}".rstrip(" ") if not line.strip() else f"> {line}" for line in cited.split("\n"))


def _without_citations(text: str) -> str:
    """Escape the document's own "[1]", outside of code and links, so that it is not taken for a citation of a hit."""
    return re.sub(
        r"(?P<code>(?P<mark>`+|~~~+).*?(?P=mark))|\[(?P<numbers>[\d\s,;\u2013-]+)\](?!\()",
        lambda match: match["code"] or rf"\[{match['numbers']}\]",
        text,
        flags=re.DOTALL,
    )
