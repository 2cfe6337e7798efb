"""Which column of a file holds what. A column that is not named is found by its usual name, as an export writes it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from monitoring.exceptions import DatasetError

# What an export writes and an import finds by itself.
USUAL_NAMES = {
    "question": "question",
    "answer": "answer",
    "document": "document",
    "relevance": "relevance",
    "span": "span",
    "collection": "collection",
    "split": "split",
    "tags": "tags",
    "unanswerable": "unanswerable",
    "history": "history",
    "cluster": "cluster",
    "source": "item_source",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns. Empty: the usual name where the file has it, else none."""

    question: str = ""
    answer: str = ""
    document: str = ""
    relevance: str = ""
    span: str = ""
    collection: str = ""
    split: str = ""
    tags: str = ""
    unanswerable: str = ""
    history: str = ""
    cluster: str = ""
    source: str = ""

    def found_in(self, names: Sequence[str], *, without: Sequence[str] = ()) -> "Columns":
        """Return the columns as the file has them; roles in `without` are left empty unless named. Raises DatasetError
        for a column that is not there."""
        listed = ", ".join(names)
        found: dict[str, str] = {}
        for role in (field.name for field in fields(self)):
            named = getattr(self, role)
            if named and named not in names:
                raise DatasetError(f'There is no column "{named}" for the {role}; the columns are: {listed}.')
            usual = USUAL_NAMES[role] if USUAL_NAMES[role] in names and role not in without else ""
            found[role] = named or usual
        if not found["question"]:
            raise DatasetError(
                f'There is no column "question"; say which one holds it (--question-column). The columns are: {listed}.'
            )
        return Columns(**found)

    def used(self) -> dict[str, str]:
        """Return the columns that are read, by role."""
        return {field.name: name for field in fields(self) if (name := getattr(self, field.name))}
