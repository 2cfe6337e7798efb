"""Which turns go into an export: by the same names and values as in the addresses of the admin's list of turns."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from chat.models import Collection, Conversation, PipelineConfig, Turn
from chat.models.conversation import Origin
from chat.models.turn import TurnQuerySet
from chat.services.turn_choices import NO_COLLECTION, OUTCOMES, POSSIBLE_YEARS, VOTES, YEARS, read_time
from monitoring.exceptions import ExportError
from monitoring.experiments.counted_turns import counted_for
from monitoring.judges.criteria import CRITERIA
from monitoring.models import Score, Topic, TopicTurn, Variant

NAMES = (
    "since",
    "until",
    "origin",
    "collection",
    "config",
    "model",
    "outcome",
    "vote",
    "failing",
    "topic",
    "variant",
    "imported",
)
ASKED_HERE, IMPORTED = "-", "*"  # beside the names of sources, which are never one of these
UNFINISHED = (Turn.Status.PENDING, Turn.Status.STREAMING)


@dataclass(frozen=True, slots=True)
class Choice:
    """Turns of one origin, asked from `since` (included) to `until` (not included). None: open."""

    origin: str
    since: datetime | None
    until: datetime | None
    conditions: tuple[Q, ...]
    words: str
    typed: Mapping[str, str]

    def turns(self) -> TurnQuerySet:
        """Return the finished ones, in no order: what is being answered is not exported half."""
        turns = Turn.objects.filter(*self.conditions, origin=self.origin).exclude(status__in=UNFINISHED)
        if self.since:
            turns = turns.filter(created_at__gte=self.since)
        if self.until:
            turns = turns.filter(created_at__lt=self.until)
        return turns.order_by()


def read_choice(typed: Mapping[str, str]) -> Choice:
    """Return what `typed` says; origin USER where none is named. Raises ExportError that names the value and what is
    possible. Up to one query for each name."""
    values = {name: typed.get(name, "").strip() for name in NAMES}
    values = {name: value for name, value in values.items() if value}
    if unknown := sorted(set(typed) - set(NAMES)):
        raise ExportError(f"There is no filter {', '.join(unknown)}. There are: {', '.join(NAMES)}.")
    values.setdefault("origin", Origin.USER.value)
    since, until = (_time(name, values.get(name, "")) for name in ("since", "until"))
    if since and until and since >= until:
        raise ExportError("The time from which turns were asked is not before the time until which they were.")
    _one_of("origin", values["origin"], Origin.values)
    conditions, words = [], [f"origin {values['origin']}"]
    if since:
        words.append(f"asked from {_said(since)}")
    if until:
        words.append(f"asked before {_said(until)}")
    for name, read in _READERS.items():
        if name in values:
            condition, said = read(values[name])
            conditions.append(condition)
            words.append(said)
    return Choice(values["origin"], since, until, tuple(conditions), ", ".join(words), values)


def _collection(value: str) -> tuple[Q, str]:
    if value == NO_COLLECTION:
        return Q(collection=None), "all collections were searched"
    collection = _found(Collection, "collection", value)
    return Q(collection=collection), f"collection {collection}"


def _config(value: str) -> tuple[Q, str]:
    config = _found(PipelineConfig, "config", value)
    return Q(config=config), f"config {config}"


def _model(value: str) -> tuple[Q, str]:
    return Q(model=value), f"model {value}"


def _outcome(value: str) -> tuple[Q, str]:
    _one_of("outcome", value, OUTCOMES)
    return OUTCOMES[value][1], OUTCOMES[value][0]


def _vote(value: str) -> tuple[Q, str]:
    _one_of("vote", value, VOTES)
    return VOTES[value][1], VOTES[value][0]


def _failing(value: str) -> tuple[Q, str]:
    _one_of("failing", value, [name for name, criterion in CRITERIA.items() if criterion.failing])
    return failing(value), f"failing {CRITERIA[value].title.lower()}"


def _topic(value: str) -> tuple[Q, str]:
    topic = _found(Topic, "topic", value)
    members = TopicTurn.objects.filter(topic=topic, is_before=False)
    return Q(pk__in=members.values("turn")), f"topic {', '.join(topic.words) or topic.pk}"


def _variant(value: str) -> tuple[Q, str]:
    variant = _found(Variant.objects.select_related("experiment"), "variant", value)
    return counted_for(variant), f"variant “{variant.name}” of “{variant.experiment}”"


def _imported(value: str) -> tuple[Q, str]:
    if value == ASKED_HERE:
        return Q(import_key=""), "asked here"
    if value == IMPORTED:
        return Q(import_key__gt=""), "imported"
    _one_of("source of imports", value, Conversation.objects.import_sources())
    return Q(import_key__gt="", conversation__import_source=value), f"imported from {value}"


_READERS = {
    "collection": _collection,
    "config": _config,
    "model": _model,
    "outcome": _outcome,
    "vote": _vote,
    "failing": _failing,
    "topic": _topic,
    "variant": _variant,
    "imported": _imported,
}


def failing(name: str) -> Q:
    """Return the condition that a judge says that something is wrong with a turn, by this criterion."""
    verdicts = Score.objects.by_judges().filter(name=name, label__in=sorted(CRITERIA[name].failing))
    return Q(Exists(verdicts.filter(turn=OuterRef("pk"))))


def _found(rows: Any, name: str, value: str) -> Any:
    """Return the row whose id was typed."""
    queryset = rows if hasattr(rows, "filter") else rows._default_manager
    row = queryset.filter(pk=int(value)).first() if value.isdecimal() and len(value) < 19 else None
    if row is None:
        raise ExportError(f"There is no {name} {value}.")
    return row


def _one_of(name: str, value: str, allowed: Any) -> None:
    if value not in allowed:
        raise ExportError(f"There is no {name} “{value}”. There are: {', '.join(allowed) or 'none'}.")


def _time(name: str, text: str) -> datetime | None:
    at = read_time(text) if text else None
    if text and at is None:
        raise ExportError(f"{name}={text} is no time. Write it as 2026-11-03T14:00, or with a zone: 2026-11-03T14:00Z.")
    if at and at.year not in YEARS:
        raise ExportError(f"{name}={text}: no question was asked then; {POSSIBLE_YEARS}.")
    return at


def _said(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
