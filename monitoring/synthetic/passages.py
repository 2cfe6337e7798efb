"""The text that questions are made from: documents as the chunks they are searched by."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chat.models import Chunk

# What a request shows of a document: about 2,000 tokens. Of a longer one, chunks spread over the whole of it.
DOCUMENT_MAX_CHARS = 8_000


# A document's id, and first and last place in its text; None: the whole document.
Span = tuple[int, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk with its place in the document."""

    document_id: int
    title: str
    heading_path: str
    text: str
    start: int
    end: int
    is_under_heading: bool = True  # False: the headings are above the whole document, as the section of a record

    @property
    def span(self) -> Span:
        return (self.document_id, self.start, self.end)

    @property
    def heading(self) -> str:
        """The heading that it stands under, or the title."""
        return (self.heading_path.rpartition(" > ")[2] if self.is_under_heading else "") or self.title


@dataclass(frozen=True, slots=True)
class Written:
    """A question as it was made, and where its answer stands."""

    question: str
    expected_answer: str = ""
    style: str = ""
    spans: tuple[Span, ...] = ()


def passages_of(document_ids: Iterable[int]) -> dict[int, list[Passage]]:
    """Return the passages of documents by document id, in their order. One query; those that are gone are left out."""
    found: dict[int, list[Passage]] = {}
    chunks = Chunk.objects.filter(document__in=list(document_ids)).order_by("document", "position")
    columns = ("document_id", "title", "heading_path", "text", "start", "end")
    for document_id, *rest in chunks.values_list(*columns):
        found.setdefault(document_id, []).append(Passage(document_id, *rest))
    for document_id, passages in found.items():
        if len({passage.heading_path for passage in passages}) == 1:
            found[document_id] = [replace(passage, is_under_heading=False) for passage in passages]
    return found


def spread(passages: Sequence[Passage], rng: random.Random, *, max_chars: int = DOCUMENT_MAX_CHARS) -> list[Passage]:
    """Return passages that fit together, in their order: all of a short document, of a long one a random choice."""
    chosen: list[Passage] = []
    used = 0
    for passage in rng.sample(list(passages), len(passages)):
        if not chosen or used + len(passage.text) <= max_chars:
            chosen.append(passage)
            used += len(passage.text)
    return sorted(chosen, key=lambda passage: passage.start)
