"""A reviewed turn as an item of a dataset: the question with its history, what it should have answered, the hits that
hold that, and the reviewer's labels as tags, so that what went wrong once is tested from then on."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chat.models import Hit, Turn
from monitoring.datasets.from_turns import item_from_turn
from monitoring.datasets.names import create_dataset
from monitoring.exceptions import DatasetError, ReviewError
from monitoring.judges.answer_text import said_text
from monitoring.models import CorrectedAnswer, Dataset, DatasetItem, DatasetVersion, ReviewItem, Score
from monitoring.reviewing.verdict import CORRECTION_MAX_CHARS

NEW_DATASET = "from-reviews"
# The answer itself is what is expected where it got these labels.
GOOD = {"relevance": "RELEVANT", "groundedness": "SUPPORTED"}


def add_to_dataset(
    *,
    turn: Turn,
    dataset_name: str,
    correction: str = "",
    labels: Mapping[str, str] | None = None,
    hit_ids: Collection[int] = (),
    is_answerable: bool = True,
    author: Any = None,
) -> DatasetItem:
    """Add a turn to a dataset, which is made if there is none of that name; again, it takes its earlier item's place.

    Expected is the corrected answer, or the answer itself where the labels call it relevant and supported. The hits
    that hold it are those that were marked; without marks, of a context that is called relevant, those that the answer
    cites, or all. Raises ReviewError where no answer is known, and DatasetError for what cannot be an item.
    """
    labels = labels or {}
    if len(correction) > CORRECTION_MAX_CHARS:
        raise ReviewError(f"The corrected answer is longer than {CORRECTION_MAX_CHARS:,} characters.")
    expected = correction.strip() or _good_answer(turn, labels)
    if is_answerable and not expected:
        raise ReviewError(
            "What should it have answered? Write the corrected answer, or label the answer relevant and supported,"
            " or mark that nothing in the knowledge base answers the question."
        )
    dataset = Dataset.objects.filter(name=dataset_name).first() or create_dataset(
        name=dataset_name, description="Questions that reviewers added."
    )
    item_from_turn(
        dataset=dataset,
        turn=turn,
        expected_answer=expected,
        relevant_hits=_relevant(turn, labels, hit_ids) if is_answerable else (),
        is_answerable=is_answerable,
        tags=[f"{name}:{label.lower()}" for name, label in labels.items()],
        author=author,
    )
    item = dataset.items.current().filter(source_turn=turn).order_by("-pk").first()
    if item is None:
        raise DatasetError(f"{dataset} has this question already, from elsewhere; it was left as it is.")
    return item


def decided_by(*, item: ReviewItem, turn: Turn, reviewer: Any) -> tuple[str, dict[str, str]]:
    """Return what was decided of a turn before: the corrected answer, the reviewer's own or, of a finished item, the
    latest; and the reviewer's own labels."""
    own = CorrectedAnswer.objects.filter(turn=turn, review__item=item).order_by("-review__decided_at")
    decided = own.filter(review__reviewer=reviewer.pk).first() or (own.first() if item.is_finished else None)
    scores = Score.objects.by_reviewers().filter(turn=turn, reviewer=reviewer.pk, conversation__isnull=True)
    return decided.text if decided else "", {score.name: score.label for score in scores}


def last_used_dataset(user: Any) -> str:
    """Return the name of the dataset that this reviewer last added a turn to, else anybody, else a new one's."""
    versions = DatasetVersion.objects.filter(note__startswith="From turn ").order_by("-pk")
    latest = versions.filter(created_by=user.pk).first() or versions.first()
    return latest.dataset.name if latest else NEW_DATASET


def dataset_names(user: Any) -> list[str]:
    """Return what a turn can be added to, the default first."""
    first = last_used_dataset(user)
    return [first, *Dataset.objects.exclude(name=first).order_by("name").values_list("name", flat=True)]


def _good_answer(turn: Turn, labels: Mapping[str, str]) -> str:
    return said_text(turn.answer) if all(labels.get(name) == label for name, label in GOOD.items()) else ""


def _relevant(turn: Turn, labels: Mapping[str, str], hit_ids: Collection[int]) -> Sequence[Hit]:
    hits = list(turn.hits.select_related("document__collection", "chunk"))
    if hit_ids:
        return [hit for hit in hits if hit.pk in hit_ids]
    there = [hit for hit in hits if hit.document is not None]
    cited = [hit for hit in there if hit.is_cited]
    match labels.get("context_relevance"):
        case "RELEVANT":
            return cited or there
        case "PARTLY_RELEVANT":
            return cited
    return []
