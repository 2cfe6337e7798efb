"""Multi-query: further phrasings of a question, so that one that shares no words with its answer finds it too. Pure:
the model's call is made by retrieve.py."""

from collections.abc import Mapping

from chat.rag.replies import read_texts

# A phrasing is a question; what is longer is an answer, or an apology.
PHRASING_MAX_CHARS = 400
# What the model is asked to write, as JSON schema.
PHRASINGS_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"queries": {"type": "array", "items": {"type": "string"}}},
    "required": ["queries"],
    "additionalProperties": False,
}


def read_phrasings(reply: str, *, question: str, count: int) -> list[str]:
    """Return up to `count` phrasings of a model's reply that differ from the question and from each other in more than
    case, space and punctuation; none where the reply has no list."""
    seen = {_compared(question), ""}
    phrasings: list[str] = []
    for phrasing in read_texts(reply) or ():
        compared = _compared(phrasing)
        if compared not in seen and len(phrasing) <= PHRASING_MAX_CHARS:
            seen.add(compared)
            phrasings.append(phrasing)
    return phrasings[:count]


def _compared(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.casefold()).split())
