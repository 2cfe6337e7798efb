"""An item before it is in a dataset: what importing, generating, reviewing and editing by hand hand over."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from monitoring.models import DatasetItem

CLUSTER_MAX_CHARS = 720


@dataclass(frozen=True, slots=True)
class Relevant:
    """A document, or the span `start` to `end` of its text, that answers a question."""

    source_id: str
    document_id: int | None = field(compare=False)
    collection_name: str = field(compare=False)  # the document's, in which its id is unique; empty: not known
    relevance: int = 1
    start: int | None = None
    end: int | None = None

    @property
    def key(self) -> str:
        """The document, in words that mean the same on another machine."""
        return f"{self.collection_name}/{self.source_id}"


@dataclass(frozen=True)  # without slots, for what is computed once
class ItemDraft:
    """What an item will hold. Without `split` its documents decide; without `cluster` they are that too."""

    question: str
    source: DatasetItem.Source
    expected_answer: str = ""
    is_answerable: bool = True
    history: tuple[Mapping[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    collection_id: int | None = None  # None: searched in all
    relevant: tuple[Relevant, ...] = ()
    cluster: str = ""
    split: str = ""
    source_turn_id: int | None = None
    line: int = field(default=0, compare=False)  # of the file it comes from, for messages; 0: of none

    @property
    def place(self) -> str:
        return f"line {self.line}" if self.line else "this change"

    @cached_property
    def content_hash(self) -> str:
        """What makes it the same item: the question with its history, where it is searched, and its documents."""
        documents = sorted({relevant.source_id for relevant in self.relevant})
        return content_hash(self.question, self.history, self.collection_id, documents)

    @cached_property
    def keys(self) -> list[str]:
        """All that ties it to other items: they must be in one split."""
        found = list(dict.fromkeys(relevant.key for relevant in self.relevant if relevant.collection_name))
        if self.cluster:
            found.append(self.cluster)
        return found or [f"question {hashlib.sha256(_plain(self.question).encode()).hexdigest()[:16]}"]


def content_hash(
    question: str, history: Sequence[Mapping[str, str]], collection_id: int | None, documents: Sequence[str]
) -> str:
    """Return the hash that is unique in a dataset; case and space of the question make no other item."""
    said = [[exchange.get("question", ""), exchange.get("answer", "")] for exchange in history]
    parts = [collection_id, said, _plain(question), sorted(documents)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
