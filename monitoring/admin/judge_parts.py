"""The parts of a judge version's page: rows of figures, the confusion matrix, labels by day, disagreements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

from django.db.models import OuterRef, Subquery

from chat.admin.base import excerpt, transcript_url
from chat.models import Turn
from monitoring.admin.charts import Axis, Whisker, whisker
from monitoring.judges.criteria import Criterion
from monitoring.models import JudgeVersion, ReviewItem, Score
from monitoring.quality.agreement import Agreement
from monitoring.quality.figures import Figure
from monitoring.quality.labelled import Labelled, LabelledTurn
from monitoring.quality.verdicts import FAILED, Days

# The canvas of labels by day, in its own units; a page scales it.
WIDTH, HEIGHT, FOOT = 720, 160, 20
BAR_PART = 0.8
TONES = ("best", "middle", "worst", "other")


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure as the page shows it."""

    label: str
    description: str
    figure: Figure
    whisker: Whisker | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the confusion matrix; `share` is 0..1 of its row."""

    count: int
    share: float
    is_same: bool


@dataclass(frozen=True, slots=True)
class ConfusionRow:
    """What the judge said of the turns to which people gave one label."""

    label: str
    is_failing: bool
    cells: tuple[Cell, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a day's bar."""

    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class DayChart:
    """Labels by day as stacked bars, and the same as a table."""

    days: Days
    pieces: tuple[Piece, ...]
    legend: tuple[tuple[str, str, int], ...]  # label, tone, how often
    total: int
    highest: int  # verdicts on the busiest day
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = HEIGHT - FOOT


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A labelled turn. `turn`: None where the turn is gone; its texts are empty where the conversation was deleted."""

    labelled: LabelledTurn
    is_same: bool
    misses: bool  # people call it failing and the judge does not
    alarm: bool  # the other way round
    question: str
    explanation: str
    url: str


def figure_rows(agreement: Agreement) -> list[FigureRow]:
    """Return the figures of agreement, the one that the gate looks at first."""
    named = [
        ("Kappa", "Agreement beyond chance, over all labels: 1 is perfect, 0 is chance", agreement.kappa),
        ("Sensitivity", "Of the turns that people call failing, the share that it finds", agreement.sensitivity),
        ("Specificity", "Of the other turns, the share that it leaves alone", agreement.specificity),
        ("Agreement", "Turns with the same label", agreement.agreement),
        ("Kappa of failing or not", "The same with two labels, which is what flags depend on", agreement.failing_kappa),
    ]
    return [FigureRow(label, description, figure, _whisker(figure)) for label, description, figure in named]


def _whisker(figure: Figure) -> Whisker | None:
    interval = figure.interval
    if interval is None or interval.low is None or interval.high is None:
        return None
    return whisker(Axis(0.0, 1.0), low=interval.low, value=interval.value, high=interval.high)


def confusion_rows(agreement: Agreement) -> list[ConfusionRow]:
    """Return the confusion matrix, a row for each label of people."""
    rows = []
    for place, (label, counts) in enumerate(zip(agreement.labels, agreement.confusion, strict=True)):
        total = sum(counts)
        cells = tuple(
            Cell(count, count / total if total else 0.0, place == column) for column, count in enumerate(counts)
        )
        rows.append(ConfusionRow(label, label in agreement.failing, cells, total))
    return rows


def day_chart(days: Days, criterion: Criterion) -> DayChart:
    """Put the labels of the last days on a canvas, the best at the bottom."""
    tones = [_tone(label, criterion) for label in days.labels]
    highest = max((day.total for day in days.days), default=0)
    place = WIDTH / max(len(days.days), 1)
    room = HEIGHT - FOOT
    pieces = []
    for number, day in enumerate(days.days):
        below = 0
        for tone, count in zip(tones, day.counts, strict=True):
            if count:
                top = room * (1 - (below + count) / highest)
                x = place * (number + (1 - BAR_PART) / 2)
                pieces.append(Piece(tone, x, top, place * BAR_PART, room * count / highest))
            below += count
    legend = tuple(zip(days.labels, tones, days.totals, strict=True))
    return DayChart(days, tuple(pieces), legend, sum(days.totals), highest)


def _tone(label: str, criterion: Criterion) -> str:
    """Return how a label is coloured: the best, those between, those that fail, and no verdict."""
    if label == FAILED or label not in criterion.labels:
        return "other"
    value = criterion.labels[label]
    best, worst = max(criterion.labels.values()), min(criterion.labels.values())
    return "best" if value == best else "worst" if value == worst else "middle"


def disagreements(version: JudgeVersion, labelled: Labelled, criterion: Criterion) -> "DisagreementList":
    """Return the labelled turns, those on which the judge and people differ first: missed failures, then false alarms,
    then other labels, the latest first."""

    def rank(turn: LabelledTurn) -> tuple[int, int]:
        truly, called = criterion.is_failing(turn.reviewer_label), criterion.is_failing(turn.judge_label)
        if turn.reviewer_label == turn.judge_label:
            return 3, -turn.turn_id
        return (0 if truly and not called else 1 if called and not truly else 2), -turn.turn_id

    return DisagreementList(version, sorted(labelled.turns, key=rank), criterion)


class DisagreementList(Sequence[Disagreement]):
    """Labelled turns in order; the texts of a page are loaded when it is shown. One query a page."""

    def __init__(self, version: JudgeVersion, turns: Sequence[LabelledTurn], criterion: Criterion) -> None:
        self._version, self._turns, self._criterion = version, turns, criterion

    def __len__(self) -> int:
        return len(self._turns)

    @overload
    def __getitem__(self, wanted: int) -> Disagreement: ...
    @overload
    def __getitem__(self, wanted: slice) -> list[Disagreement]: ...
    def __getitem__(self, wanted: int | slice) -> Disagreement | list[Disagreement]:
        if isinstance(wanted, int):
            return self._load([self._turns[wanted]])[0]
        return self._load(self._turns[wanted])

    def _load(self, turns: Sequence[LabelledTurn]) -> list[Disagreement]:
        explained = Score.objects.by_judges().filter(turn=OuterRef("pk"), judge_version=self._version)
        item = ReviewItem.objects.filter(conversation=OuterRef("conversation"))
        rows = (
            Turn.objects.filter(pk__in=[turn.turn_id for turn in turns])
            .annotate(
                said=Subquery(explained.values("explanation")[:1]), review_item_id=Subquery(item.values("pk")[:1])
            )
            .in_bulk()
        )
        return [self._one(turn, rows[turn.turn_id]) for turn in turns if turn.turn_id in rows]

    def _one(self, labelled: LabelledTurn, turn: Any) -> Disagreement:
        truly = self._criterion.is_failing(labelled.reviewer_label)
        called = self._criterion.is_failing(labelled.judge_label)
        return Disagreement(
            labelled=labelled,
            is_same=labelled.judge_label == labelled.reviewer_label,
            misses=truly and not called,
            alarm=called and not truly,
            question=excerpt(turn.question, 160),
            explanation=turn.said or "",
            url=ReviewItem(pk=turn.review_item_id).get_absolute_url() if turn.review_item_id else transcript_url(turn),
        )
