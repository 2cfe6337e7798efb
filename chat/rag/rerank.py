"""Re-ranking: the first hits of a search in a better order. Pure: models and the database are asked by retrieve.py.

By a language model, listwise, as in Sun et al., "Is ChatGPT Good at Search? Investigating Large Language Models as
Re-Ranking Agents", EMNLP 2023: it sees all passages at once and writes their numbers from best to worst.

Locally, word by word: late interaction as in Khattab and Zaharia, "ColBERT", SIGIR 2020, by the local embedder, which
was not trained for it and is good at it all the same. Each token of the question looks for the token of the passage
that is nearest to it in meaning, which a single vector for each text cannot tell.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from chat.rag.config import Hit
from chat.rag.minilm import TokenVectors
from chat.rag.replies import read_numbers

# What the model is asked to write, as JSON schema.
RANKING_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"ranking": {"type": "array", "items": {"type": "integer"}}},
    "required": ["ranking"],
    "additionalProperties": False,
}

# Tokens that the local model reads for one question, which is what takes the time: about 120 ms on two idle cores.
LOCAL_MAX_TOKENS = 1_280
# The local score: share of the best search score + nearness of tokens (0..1) + this for each pair of words of the
# question that the passage has side by side. Measured on the first ten hits of hybrid search, mean reciprocal rank at
# 5 with its 95 % interval: +0.013 (0.008 to 0.019) on 1,383 questions to a FAQ, +0.021 (0.004 to 0.038) on 223 to long
# pages, +0.006 (0.001 to 0.013) on 400 to records. Half or twice the weights are within a third of that.
PAIR_WEIGHT = 0.06
# The vocabulary lists single characters first, then words by how frequent they are: the place of a token says how much
# it says, as well as counting the tokens of the documents would.
_FIRST_WORD = 1996  # "the"
_SIGN_WEIGHT = 0.1


def read_ranking(reply: str, *, count: int) -> list[int] | None:
    """Return the ranks, 1 to `count`, that a model's reply lists, best first; it may leave some out, also all.

    None where the reply has no list, or one of other numbers only.
    """
    numbers = read_numbers(reply)
    if numbers is None:
        return None
    ranks = [number for number in dict.fromkeys(numbers) if 1 <= number <= count]
    return ranks if ranks or not numbers else None


def local_ranking(
    hits: Sequence[Hit], *, question: TokenVectors, passages: Sequence[TokenVectors], pairs: Mapping[int, int]
) -> list[int]:
    """Return the ranks of the first hits in their new order: of as many as there are `passages`, their tokens.

    `pairs` counts by chunk the pairs of the question's words that stand side by side in it.
    """
    best = max((hit.score for hit in hits), default=0.0)
    scores = {
        hit.rank: (hit.score / best if best > 0 else hit.score - best)
        + nearness(question, passage)
        + PAIR_WEIGHT * pairs.get(hit.chunk_id, 0)
        for hit, passage in zip(hits, passages, strict=False)
    }
    return sorted(scores, key=lambda rank: (-scores[rank], rank))


def nearness(question: TokenVectors, passage: TokenVectors) -> float:
    """Return how near the question's tokens are to the nearest ones of the passage: a mean of cosines, rare tokens
    counting more; 0 where one of the two has no tokens."""
    if not len(question.ids) or not len(passage.ids):
        return 0.0
    nearest = (question.vectors @ passage.vectors.T).max(axis=1)
    weights = np.where(
        question.ids < _FIRST_WORD, _SIGN_WEIGHT, np.log1p(np.maximum(question.ids - _FIRST_WORD + 1, 0))
    )
    return float(nearest @ weights / weights.sum())
