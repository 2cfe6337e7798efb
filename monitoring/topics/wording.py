"""Telling words of groups of questions: those that a group has more often than others do (class-based TF-IDF,
Grootendorst 2022, arXiv:2203.05794).

A word counts once a conversation, and needs two: what one person alone wrote, such as a name, is no topic's word.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable

WORDS_SHOWN = 3
LEAST_CONVERSATIONS = 2
_WORD = re.compile(r"[^\W\d_][\w'\u2019-]{1,37}\w")


def words_of(text: str) -> set[str]:
    """Return the words that may tell something, in lower case."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return {word for word in _WORD.findall(text.lower()) if word not in ENGLISH_STOP_WORDS}


def telling_words(asked: Iterable[tuple[int, Hashable, str]]) -> dict[int, list[str]]:
    """Return the most telling words of each group, of (group, conversation, question)."""
    found: dict[int, dict[str, set[Hashable]]] = defaultdict(lambda: defaultdict(set))
    for group, conversation, question in asked:
        for word in words_of(question):
            found[group][word].add(conversation)
    counts = {group: {word: len(who) for word, who in words.items()} for group, words in found.items()}
    everywhere: Counter[str] = Counter()
    for words in counts.values():
        everywhere.update(words)
    average = sum(everywhere.values()) / max(1, len(counts))
    return {group: _best(words, everywhere, average) for group, words in counts.items()}


def _best(words: dict[str, int], everywhere: Counter[str], average: float) -> list[str]:
    weights = {
        word: count * math.log(1 + average / everywhere[word])
        for word, count in words.items()
        if count >= LEAST_CONVERSATIONS
    }
    return sorted(weights, key=lambda word: (-weights[word], word))[:WORDS_SHOWN]
