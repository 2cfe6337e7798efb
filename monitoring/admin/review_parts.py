"""The parts of the review page: turns with their flags, hits, verdicts of judges, and the rows of the form."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch

from chat.admin.transcript import TURNS_SHOWN, TranscriptTurn, rendered
from chat.models import Feedback, Turn
from monitoring.admin.review_form import Filled, label_field
from monitoring.flags.raising import TAKEN_BACK
from monitoring.flags.rules import RULES
from monitoring.judges.criteria import CRITERIA, Criterion
from monitoring.models import DatasetItem, DatasetVersion, Flag, Replay, ReviewItem, Score
from monitoring.reviewing.opinions import Opinions, Outcome, hidden_from
from monitoring.reviewing.verdict import CONVERSATION_CRITERIA, TURN_CRITERIA
from monitoring.templatetags.evaluation_values import label_words

NEIGHBOURS = 3  # turns before and after a flagged one that are shown of a very long conversation


@dataclass(frozen=True, slots=True)
class Choice:
    """A label that one can choose: its key, how good it is, and whether it is chosen."""

    value: str
    text: str
    key: int
    tone: str  # "good", "middling", "bad"
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A criterion with its labels."""

    criterion: Criterion
    field: str
    choices: tuple[Choice, ...]

    @property
    def is_open(self) -> bool:
        return not any(choice.is_chosen for choice in self.choices)


@dataclass(frozen=True, slots=True)
class JudgeLine:
    """What a judge said."""

    title: str
    score: Score
    tone: str


@dataclass(frozen=True, slots=True)
class ReviewTurn:
    """A turn as a reviewer sees it."""

    entry: TranscriptTurn
    flags: tuple[Flag, ...]
    judges: tuple[JudgeLine, ...]
    rows: tuple[Row, ...]
    correction: str
    marked_hits: frozenset[int]
    is_unanswerable: bool
    is_filled: bool  # something is chosen or typed, or it is flagged: its part of the form is open
    opinions: Sequence[Opinions]
    corrections: Sequence[tuple[str, str]]
    items: Sequence[DatasetItem]  # of datasets, made from it

    @property
    def turn(self) -> Turn:
        return self.entry.turn

    @property
    def waiting_flags(self) -> list[Flag]:
        return [flag for flag in self.flags if flag.settled_at is None]

    @property
    def explained_flags(self) -> list[Flag]:
        """Those that say something which stands nowhere else on the page, and is no judge's opinion."""
        return [
            flag
            for flag in self.waiting_flags
            if flag.reason in (Flag.Reason.SLOW, Flag.Reason.SAMPLE) or flag.detail.endswith(TAKEN_BACK)
        ]

    @property
    def cited(self) -> int:
        return sum(hit.is_cited for hit in self.turn.hits.all())


def review_turns(item: ReviewItem, filled: Filled, outcome: Outcome, viewer: Any) -> list[ReviewTurn]:
    """Return the conversation for review, oldest turn first. A replaced answer is shown on its own where it is flagged,
    else below the one that took its place. Eight queries, however long it is."""
    turns = list(_turns(item))
    flags = _by_turn(Flag.objects.filter(turn__in=turns).select_related("score"))
    scores = _by_turn(
        Score.objects.by_judges().filter(turn__in=turns, conversation__isnull=True).select_related("judge_version")
    )
    items = made_items(item, turns, viewer)
    replaced: dict[int, list[TranscriptTurn]] = defaultdict(list)
    for turn in turns:
        if not turn.is_current and turn.pk not in flags:
            replaced[turn.position].append(rendered(turn))
    found = []
    for turn in turns:
        if turn.is_current or turn.pk in flags:
            entry = rendered(turn)
            entry.replaced = replaced.get(turn.position, []) if turn.is_current else []
            found.append(_review_turn(entry, flags, scores, items, filled, outcome))
    return found


def conversation_rows(filled: Filled) -> tuple[Row, ...]:
    """Return the rows on the conversation as a whole."""
    return _rows(CONVERSATION_CRITERIA, None, filled)


def conversation_judges(item: ReviewItem) -> list[JudgeLine]:
    """Return what judges said of the conversation, the newest first. One query."""
    scores = Score.objects.by_judges().filter(conversation=item.conversation_id).select_related("judge_version")
    return [_judge_line(score) for score in scores.order_by("-pk")[:5]]


def _turns(item: ReviewItem) -> Iterable[Turn]:
    turns = (
        Turn.objects.filter(conversation=item.conversation_id)
        .select_related("config", "collection")
        .prefetch_related("hits", Prefetch("feedback", Feedback.objects.select_related("user")))
        .order_by("position", "pk")
    )
    if turns.count() <= TURNS_SHOWN:
        return turns
    flagged = Flag.objects.filter(turn__conversation=item.conversation_id).values_list("turn__position", flat=True)
    near = {place + step for place in flagged for step in range(-NEIGHBOURS, NEIGHBOURS + 1)}
    return turns.filter(position__in=near)[:TURNS_SHOWN]


def _review_turn(
    entry: TranscriptTurn,
    flags: Mapping[int, Sequence[Flag]],
    scores: Mapping[int, Sequence[Score]],
    items: Mapping[int, Sequence[DatasetItem]],
    filled: Filled,
    outcome: Outcome,
) -> ReviewTurn:
    pk = entry.turn.pk
    rows = _rows(TURN_CRITERIA, pk, filled)
    correction = filled.data.get(f"correction-{pk}", "")
    own_flags = sorted(flags.get(pk, ()), key=lambda flag: -RULES[Flag.Reason(flag.reason)].priority)
    is_chosen = any(not row.is_open for row in rows) or bool(correction)
    return ReviewTurn(
        entry=entry,
        flags=tuple(own_flags),
        judges=tuple(_judge_line(score) for score in scores.get(pk, ())),
        rows=rows,
        correction=correction,
        marked_hits=filled.hits.get(pk, frozenset()),
        is_unanswerable=filled.is_unanswerable(pk),
        is_filled=is_chosen or any(flag.settled_at is None for flag in own_flags),
        opinions=outcome.opinions.get(pk, ()),
        corrections=outcome.corrections.get(pk, ()),
        items=items.get(pk, ()),
    )


def _rows(criteria: Iterable[Criterion], turn_id: int | None, filled: Filled) -> tuple[Row, ...]:
    return tuple(
        Row(
            criterion,
            label_field(turn_id, criterion.name),
            tuple(
                Choice(
                    label,
                    in_words(label),
                    key,
                    _tone(criterion, label),
                    filled.label(turn_id, criterion.name) == label,
                )
                for key, label in enumerate(criterion.labels, start=1)
            ),
        )
        for criterion in criteria
    )


def in_words(label: str) -> str:
    """Return a label as it stands beside its criterion: "Partly", "Not relevant"."""
    if label.startswith("PARTLY_"):
        return "Partly"
    return label_words(label)


def _tone(criterion: Criterion | None, label: str) -> str:
    if criterion is None or label not in criterion.labels:
        return "middling"
    value = criterion.labels[label]
    return "good" if value == 1 else "bad" if value == 0 else "middling"


def _judge_line(score: Score) -> JudgeLine:
    criterion = CRITERIA.get(score.name)
    return JudgeLine(criterion.title if criterion else score.name, score, _tone(criterion, score.label))


def _by_turn(rows: Iterable[Flag | Score]) -> dict[int, list]:  # type: ignore[type-arg] # of flags, or of scores
    found: dict[int, list[Flag | Score]] = defaultdict(list)
    for row in rows:
        found[row.turn_id].append(row)
    return found


def made_items(item: ReviewItem, turns: Iterable[Turn], viewer: Any) -> dict[int, list[DatasetItem]]:
    """Return the items of datasets that were made from turns, each with its replays, the newest first. While a second
    reviewer is to be blind, those that the viewer made: an expected answer is what the other one wrote."""
    replays = Prefetch("replays", Replay.objects.select_related("config", "turn").order_by("-pk"))
    made = DatasetItem.objects.current().filter(source_turn__in=turns).select_related("dataset")
    if hidden_from(viewer).filter(pk=item.pk).exists():
        versions = DatasetVersion.objects.filter(dataset=OuterRef("dataset"), number=OuterRef("added_in"))
        made = made.filter(Exists(versions.filter(created_by=viewer.pk)))
    found: dict[int, list[DatasetItem]] = defaultdict(list)
    for row in made.prefetch_related(replays):
        found[row.source_turn_id or 0].append(row)
    return found
