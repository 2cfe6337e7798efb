"""The words of a text that mean something, as far as this can be told without a dictionary.

Search leaves words to PostgreSQL, which knows languages. This is for the steps that have no database at hand and only
compare a question with a few texts: a list of English fillers and endings, harmless in other languages.
"""

import re

# Words of questions that say nothing of what is asked.
FILLERS = frozenset(
    re.findall(
        r"\w+",
        """
        a about also am an and any are as at be been but by can could did do does else for from get had has have how i
        if in into is it its just many may me might more much must my no not of on one or our out please shall should
        show so some such tell than that the their them then there these they this those to too up us was we were what
        when where which who whom why will with would you your
        """,
    )
)
_WORD = re.compile(r"[^\W_](?:[\w'.+#-]*[\w+#])?")
_ENDING = re.compile(r"(?:ing|ed|es|ly|s|e)$")
_MIN_STEM_CHARS = 3


def content_words(text: str) -> list[str]:
    """Return the words in their order and spelling, without fillers; "scikit-learn", "3.11" and "C#" are one each."""
    return [word for word in _WORD.findall(text.replace("\u2019", "'")) if word.casefold() not in FILLERS]


def stems(text: str) -> frozenset[str]:
    """Return the content words in lower case without their ending: "files" meets "file", "started" meets "starting"."""
    parts = [part for word in content_words(text) for part in re.findall(r"\w+", word.casefold())]
    return frozenset(_stem(part) for part in parts if part not in FILLERS)


def _stem(word: str) -> str:
    stem = _ENDING.sub("", word)
    return stem if len(stem) >= _MIN_STEM_CHARS else word
