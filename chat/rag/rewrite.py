"""Follow-up questions without a model: a rule that puts the topic back in.

A question follows up when it hardly says anything alone, begins like a continuation, or points back. Then the search
query is the content words of the question before it (which may itself follow up on an earlier one), and then the
question as it is. The words before are enough for text search, where lexemes are OR-ed, and turn the vector towards the
topic.

The rule knows English. In other languages only very short questions are seen as following up.

| question before                    | question              | search query                                  |
|------------------------------------|-----------------------|-----------------------------------------------|
| How do I install it on Windows?    | And on Debian?        | install Windows And on Debian?                |
| What does an export contain?       | Can I change that?    | export contain Can I change that?             |
| What does an export contain?       | How do I add a user?  | How do I add a user?                          |
"""

import re
from collections.abc import Sequence

from chat.rag.config import Exchange
from chat.rag.words import content_words

# A question with fewer words that mean something is no question alone: "Why?", "On Windows?", "How much?".
MIN_CONTENT_WORDS = 2
# A topic that so many questions in a row only pointed at is gone.
MAX_EXCHANGES_BACK = 3

_CONTINUES = re.compile(
    r"(?:and|but|or|so|then|also|else|why not|what about|how about|what if|what else|anything else|which ones?"
    r"|otherwise|in that case|same)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|he|him|his|she|her|these|those"
    r"|(?:this|that)(?= *(?:[?.!,;]|$|is\b|was\b|does\b|did\b|has\b|can\b|will\b|would\b|mean|work|one\b"
    r"|for\b|in\b|on\b|with\b|to\b|and\b|or\b|also\b|still\b|available|possible|allowed|supported|documented))"
    r"|the (?:same|former|latter|first|second|third|last|other|previous) (?:one|way|option)"
    r"|(?:mentioned|said|described|shown) (?:above|before|earlier)|instead(?! of\b))\b",
    re.IGNORECASE,
)
# Behind so many words that mean something, "it" is one of them: "If my container does not start, how do I fix it?"
OWN_WORDS_BEFORE_POINTER = 3
# "Is it possible to ...", "how long does it take", "how do I know that ...": here the word points at nothing before.
_POINTS_NOWHERE = re.compile(
    r"\bit(?:['\u2019]s| is| was| be)? (?:possible|necessary|required|needed|mandatory|allowed|recommended|advisable"
    r"|normal|ok|okay|fine|safe|better|best|enough|worth|important|too late|take|mean when|mean if)\b"
    r"|\bis it (?:\w+ ){1,2}(?:to|that)\b"
    r"|\b(?:possible|necessary|required|mandatory|allowed|recommended|advisable|normal|ok|okay|fine|safe|better|worth)"
    r" (?:that|it)\b|\bdoes it (?:take|cost|matter)\b",
    re.IGNORECASE,
)
_THANKS = re.compile(r"\W*(?:thanks?|thank you|great|ok|okay|perfect|hello|hi|bye|cool)\b[\w ,!.]{0,25}", re.IGNORECASE)


def follow_up_query(question: str, history: Sequence[Exchange]) -> str:
    """Return what to search for: the question, behind the topic of the questions before where it follows up on them.

    `history` is oldest first; without one the question is returned as it is.
    """
    if not history or not follows_up(question):
        return question
    *earlier, last = history[-MAX_EXCHANGES_BACK:]
    asked_already = {word.casefold() for word in content_words(question)}
    topic = content_words(follow_up_query(last.question, earlier))
    missing = dict.fromkeys(word for word in topic if word.casefold() not in asked_already)
    return " ".join([*missing, question.strip()])


def follows_up(question: str) -> bool:
    """Whether the question can only be understood after another one. Thanks and greetings ask nothing."""
    text = question.strip()
    if _THANKS.fullmatch(text):
        return False
    if len(content_words(text)) < MIN_CONTENT_WORDS or _CONTINUES.match(text):
        return True
    text = _POINTS_NOWHERE.sub(" ", text)
    pointer = _POINTS_BACK.search(text)
    return pointer is not None and len(content_words(text[: pointer.start()])) < OWN_WORDS_BEFORE_POINTER
