"""An answer as its measures see it: plain data, so that runs, live turns and tests measure the same way."""

from dataclasses import dataclass

NOTHING_EXPECTED = "The item has no expected answer."
UNANSWERABLE = "Nothing in the documents answers the question, on purpose."


@dataclass(frozen=True, slots=True)
class AnsweredItem:
    """One item and what a config answered. `hit_documents` has the document of each hit, by rank."""

    answer: str
    expected_answer: str = ""  # empty: not known
    is_answerable: bool = True
    nothing_found: bool = False  # the turn says so itself
    hit_documents: tuple[int, ...] = ()
    relevant_documents: frozenset[int] = frozenset()
