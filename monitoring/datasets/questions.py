"""Which texts are no questions: what a model or a program leaves where a question should be, such as "question1".

Published sets have such rows (82 of 4,627 in one FAQ): a model was asked for a list, answered with an object, and its
keys were taken for the questions. A row is refused only when the whole text is such a word, so that "Questions?" goes
and "What is a question?" stays.
"""

import re
import unicodedata

MIN_LETTERS = 3

_KEYS = "questions?|queries|query|faqs?|prompts?|answers?|texts?|titles?|contents?|items?|examples?|q|a|qa|id"
_FILLERS = (
    "n/?a|none|null|nil|nan|undefined|unknown|todo|tbd|tba|xxx+|placeholder|empty|missing|test|string|str|foo|bar"
)
# "question1", "Question #2:", "q_3", "<your question here>", "sample question 4"
_PLACEHOLDER = re.compile(
    rf"(?:(?:your|my|the|an?|some|user|sample|example|test|insert|first|second|third|next|new)[\s_-]+)*"
    rf"(?:{_KEYS}|{_FILLERS})(?:[\s_-]+(?:text|string|here|no|nr|number))*[\s_#.:-]*\d*",
    re.IGNORECASE,
)


def why_no_question(text: str) -> str:
    """Return why `text` is no question, in words for people; empty when it may be one."""
    if not text.strip():
        return "the question is empty"
    bare = re.sub(r"^[^\w]+|[^\w]+$", "", text)
    if not bare:
        return f"the question {text.strip()!r} has no letters"
    if re.fullmatch(r"[\d\s.,:/+-]+", bare):
        return f"the question {text.strip()!r} is a bare number"
    if _PLACEHOLDER.fullmatch(bare):
        return f"the question {text.strip()!r} is a placeholder"
    if _letters(bare) < MIN_LETTERS:
        return f"the question {text.strip()!r} has fewer than {MIN_LETTERS} letters"
    return ""


def _letters(text: str) -> int:
    """Count letters; one of a script without cases, such as a Chinese one, says as much as two."""
    kinds = [unicodedata.category(character) for character in text]
    return sum(2 if kind == "Lo" else 1 for kind in kinds if kind.startswith("L"))
