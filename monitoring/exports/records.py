"""Turns as records: plain values in the shape of shape.py, with all that belongs to a turn.

Read in batches by key set (time, then id), a handful of queries each, so that memory does not grow with the number of
turns, and an export that was stopped goes on behind the last turn that it wrote.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db.models import Model, Q, QuerySet

from chat.models import Feedback, Hit, ImplicitSignal, LLMCall, PipelineConfig, Turn
from monitoring.exports.choice import Choice
from monitoring.exports.reviews import read_flags, read_reviews
from monitoring.exports.shape import (
    CALL,
    CONFIG,
    CONVERSATION,
    HIT,
    JUDGE,
    JUDGE_CALL,
    REVIEW_ITEM,
    SCHEMA,
    SCORE,
    TURN,
    Field,
    Kind,
)
from monitoring.models import JudgeVersion, ReviewItem, Score

Record = dict[str, Any]
Users = Literal["none", "ids", "names"]
BATCH_TURNS = 2000

_RELATED = {"conversation", "user", "config", "collection", "replaces", "schema", "id"}
_LISTS = {name for name, field_ in TURN.items() if field_.kind is Kind.MANY}
_TURN_COLUMNS = [name for name in TURN if name not in _RELATED | _LISTS]
_CONVERSATION_COLUMNS = [name for name in CONVERSATION if name not in ("collection", "review_item")]
_HIT_COLUMNS = {
    **{name: name for name in HIT},
    "title": "document_title",
    "document": "document__source_id",
    "document_collection": "document__collection__name",
}
_SCORE_COLUMNS = [name for name in SCORE if name not in ("judge", "reviewer", "author", "of_conversation")]


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which turn to go on."""

    created_at: datetime
    turn_id: int


@dataclass(slots=True)
class Reader:
    """Reads the turns of a choice. `users`: whether users are left out, or have a number, or a number and a name;
    `is_blind`: what was said of a conversation that two review is left out until both have decided."""

    choice: Choice
    users: Users = "ids"
    with_texts: bool = True
    is_blind: bool = False
    batch_turns: int = BATCH_TURNS
    _configs: dict[int, Record] = field(default_factory=dict)
    _judges: dict[int, Record] = field(default_factory=dict)

    def batches(self, after: Place | None = None) -> Iterator[tuple[list[Record], Place]]:
        """Yield records with the place that they end at, the oldest first. Twelve queries a batch at most."""
        turns = self.choice.turns()
        while True:
            rows = self._rows(turns, after)
            if not rows:
                return
            after = Place(rows[-1]["created_at"], rows[-1]["pk"])
            yield self._records(rows), after
            if len(rows) < self.batch_turns:
                return

    def _rows(self, turns: QuerySet[Turn], after: Place | None) -> list[Record]:
        if after:
            later = Q(created_at__gt=after.created_at) | Q(created_at=after.created_at, pk__gt=after.turn_id)
            turns = turns.filter(later, created_at__gte=after.created_at)  # the second is what an index serves
        related = ["conversation__user_id", "conversation__user__username", "conversation__collection__name"]
        related += [f"conversation__{name}" for name in _CONVERSATION_COLUMNS]
        related += [f"conversation__review_item__{name}" for name in REVIEW_ITEM]
        related += ["replaces_id", "replaces__import_key", "import_key", "config_id", "collection__name"]
        return list(turns.order_by("created_at", "pk").values("pk", *_TURN_COLUMNS, *related)[: self.batch_turns])

    def _records(self, rows: Sequence[Record]) -> list[Record]:
        ids = [row["pk"] for row in rows]
        self._learn(rows, ids)
        reviewed = {row["pk"]: row["conversation__id"] for row in rows if row["conversation__review_item__status"]}
        scores = self._scores(ids)
        reviews = read_reviews(reviewed, scores)
        if self.is_blind:
            _hide(rows, scores, reviews)
        parts = {
            "hits": self._hits(ids),
            **self._calls(ids),
            "feedback": self._feedback(ids),
            "signals": self._signals(ids),
            "flags": read_flags(ids, scores),
            "reviews": self._with_users(reviews, "reviewer"),
            "scores": self._with_users(scores, "reviewer", "author"),
        }
        records = []
        for row in rows:
            values = {name: row[name] for name in _TURN_COLUMNS}
            conversation = {name: row[f"conversation__{name}"] for name in _CONVERSATION_COLUMNS}
            conversation |= {"id": str(conversation["id"]), "collection": row["conversation__collection__name"]}
            if row["pk"] in reviewed:
                item = {name: row[f"conversation__review_item__{name}"] for name in REVIEW_ITEM}
                conversation["review_item"] = item
            values |= {
                "schema": SCHEMA,
                "id": row["import_key"] or str(row["pk"]),
                "conversation": conversation,
                "replaces": row["replaces__import_key"] or (str(row["replaces_id"]) if row["replaces_id"] else None),
                "user": self._user(row, "conversation__user"),
                "config": self._configs[row["config_id"]],
                "collection": row["collection__name"],
            }
            values |= {name: found.get(row["pk"], []) for name, found in parts.items()}
            records.append(_shaped(values, TURN, with_texts=self.with_texts))
        return records

    def _learn(self, rows: Sequence[Record], ids: Sequence[int]) -> None:
        """Read the configs and judges that are met for the first time."""
        if unknown := {row["config_id"] for row in rows} - self._configs.keys():
            for config in PipelineConfig.objects.filter(pk__in=unknown).select_related("embedder"):
                self._configs[config.pk] = config_record(config)
        judging = Score.objects.filter(turn__in=ids, judge_version__isnull=False).order_by()
        if unknown := set(judging.values_list("judge_version", flat=True).distinct()) - self._judges.keys():
            for version in JudgeVersion.objects.filter(pk__in=unknown):
                values = {name: getattr(version, name) for name in JUDGE if name != "name"}
                self._judges[version.pk] = {"name": version.judge, **values}

    def _hits(self, ids: Sequence[int]) -> Mapping[int, list[Record]]:
        found = _of_turns(Hit, ids, "rank", list(_HIT_COLUMNS.values()))
        return {
            turn_id: [{name: row[column] for name, column in _HIT_COLUMNS.items()} for row in rows]
            for turn_id, rows in found.items()
        }

    def _calls(self, ids: Sequence[int]) -> Mapping[str, Mapping[int, list[Record]]]:
        """Return what made the answers, and apart from it what judged them."""
        found = _of_turns(LLMCall, ids, "pk", list(CALL), Q(origin=None))
        purposes = {"calls": CALL["purpose"].choices, "judge_calls": JUDGE_CALL["purpose"].choices}
        return {
            name: {pk: [call for call in calls if call["purpose"] in made_for] for pk, calls in found.items()}
            for name, made_for in purposes.items()
        }

    def _feedback(self, ids: Sequence[int]) -> Mapping[int, list[Record]]:
        columns = ["user_id", "user__username", "value", "reasons", "comment", "created_at", "updated_at"]
        return self._with_users(_of_turns(Feedback, ids, "pk", columns), "user")

    def _signals(self, ids: Sequence[int]) -> Mapping[int, list[Record]]:
        columns = ["user_id", "user__username", "kind", "created_at"]
        return self._with_users(_of_turns(ImplicitSignal, ids, "pk", columns), "user")

    def _scores(self, ids: Sequence[int]) -> dict[int, list[Record]]:
        people = [f"{who}{end}" for who in ("reviewer", "author") for end in ("_id", "__username")]
        columns = ["pk", *_SCORE_COLUMNS, *people, "judge_version_id", "conversation_id"]
        found = _of_turns(Score, ids, "pk", columns)
        for row in (row for rows in found.values() for row in rows):
            row["judge"] = self._judges[row["judge_version_id"]] if row["judge_version_id"] else None
            row["of_conversation"] = row["conversation_id"] is not None
            row["details"] = row["details"] or None
        return found

    def _with_users(self, found: dict[int, list[Record]], *names: str) -> Mapping[int, list[Record]]:
        for row in (row for rows in found.values() for row in rows):
            for name in names:
                row[name] = self._user(row, name)
        return found

    def _user(self, row: Mapping[str, Any], prefix: str) -> Record | None:
        if self.users == "none" or row[f"{prefix}_id"] is None:
            return None
        return {"id": row[f"{prefix}_id"], "name": row[f"{prefix}__username"] if self.users == "names" else None}


def _hide(rows: Sequence[Record], scores: Mapping[int, list[Record]], reviews: dict[int, list[Record]]) -> None:
    """Take out what reviewers said of conversations that a second reviewer may still decide, who is to be blind: of
    earlier rounds too, whose labels stay. Asked after all else was read, as somebody may have decided meanwhile."""
    waiting = ReviewItem.objects.filter(
        conversation__in={row["conversation__id"] for row in rows},
        status=ReviewItem.Status.IN_REVIEW,
        reviews_wanted__gt=1,
    )
    hidden = set(waiting.values_list("conversation", flat=True))
    for row in rows:
        if row["conversation__id"] in hidden:
            reviews.pop(row["pk"], None)
            said = scores.get(row["pk"], [])
            said[:] = [score for score in said if score["source"] != Score.Source.REVIEWER]


def config_record(config: PipelineConfig) -> Record:
    """Return all that makes a config answer as it does; reads `embedder`. Where no ragsite answered, its model alone is
    known: such a config has no prompt."""
    known = ["name", "version", "model"] if config.import_source and not config.prompt else CONFIG
    values = {name: getattr(config, name) for name in known if name != "embedder"}
    if "embedder" in known:
        values["embedder"] = config.embedder.name
    return _shaped(values, CONFIG, with_texts=True)


def _of_turns(
    model: type[Model], ids: Sequence[int], order: str, columns: Sequence[str], condition: Q | None = None
) -> dict[int, list[Record]]:
    rows = model._default_manager.filter(*([condition] if condition else []), turn__in=ids)
    found: dict[int, list[Record]] = defaultdict(list)
    for row in rows.order_by("turn_id", order).values("turn_id", *columns):
        found[row["turn_id"]].append(row)
    return found


def _shaped(values: Mapping[str, Any], fields: Mapping[str, Field], *, with_texts: bool) -> Record:
    """Return the values of `fields` in their order. An empty word is unknown: null; texts are null where left out."""
    record: Record = {}
    for name, one in fields.items():
        value = values.get(name)
        if one.kind is Kind.MANY:
            value = [_shaped(row, one.fields or {}, with_texts=with_texts) for row in value or ()]
        elif one.kind is Kind.ONE:
            value = value and _shaped(value, one.fields or {}, with_texts=with_texts)
        elif (one.personal and not with_texts) or (value == "" and not one.personal):
            value = None
        record[name] = value
    return record
