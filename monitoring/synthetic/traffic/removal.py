"""Taking synthetic traffic away again, in batches, and what stood under it when nothing of it is left.

Only rows of origin SYNTHETIC are touched. A conversation to which somebody added something, such as a flag, a review or
an item of a dataset, goes by Django's rules of deletion; all others, nearly always all, by one statement a table. The
locks that are taken first keep anybody from adding something meanwhile, so that PostgreSQL need not look again, row by
row, whether something refers to what is removed; that would be four fifths of the work.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection, models, transaction
from django.db.models import ProtectedError, QuerySet

from chat.models import Conversation, Feedback, Hit, ImplicitSignal, LLMCall, PipelineConfig, Turn
from chat.models.conversation import Origin
from chat.models.people import MADE_UP
from monitoring.models import Experiment, Exposure, JudgeVersion, Score
from monitoring.reports.noting import note_changes
from monitoring.synthetic.traffic.standing_rows import CONFIG_NAMES, JUDGE_VERSION
from monitoring.synthetic.traffic.unchecked import may_skip_checks, skip_checks

BATCH_CONVERSATIONS = 1000
# What traffic is written into, those first that refer to others.
DELETE_SQL = {
    "scores": "DELETE FROM monitoring_score WHERE turn_id = ANY(%(turns)s)",
    "votes": "DELETE FROM chat_feedback WHERE turn_id = ANY(%(turns)s)",
    "signals": "DELETE FROM chat_implicitsignal WHERE turn_id = ANY(%(turns)s)",
    "hits": "DELETE FROM chat_hit WHERE turn_id = ANY(%(turns)s)",
    "model calls": "DELETE FROM chat_llmcall WHERE turn_id = ANY(%(turns)s)",
    "turns": "DELETE FROM chat_turn WHERE id = ANY(%(turns)s)",
    "conversations": "DELETE FROM chat_conversation WHERE id = ANY(%(conversations)s)",
}
# Who met a variant stays so when the first turn has gone.
FORGET_SQL = (
    "UPDATE monitoring_exposure SET turn_id = NULL WHERE turn_id = ANY(%(turns)s)",
    "UPDATE monitoring_exposure SET conversation_id = NULL WHERE conversation_id = ANY(%(conversations)s)",
)
_WRITTEN = (Turn, Hit, LLMCall, Feedback, ImplicitSignal, Score, Exposure)


def synthetic_conversations(*, before: datetime | None = None) -> QuerySet[Conversation]:
    """Return synthetic conversations; with `before` those that were last asked earlier."""
    rows = Conversation.objects.filter(origin=Origin.SYNTHETIC)
    return rows.filter(updated_at__lt=before) if before else rows


def remove_synthetic(
    *, before: datetime | None = None, on_turns: Callable[[int], object] | None = None
) -> Mapping[str, int]:
    """Remove synthetic conversations with all that belongs to them, with `before` only those last asked earlier, and
    the users, configs and judge versions that nothing is left of. Return what was removed, by what people call it."""
    removed: Counter[str] = Counter()
    # Inside of somebody's transaction what they do after would go unchecked too.
    unchecked = may_skip_checks() and not connection.in_atomic_block
    while batch := list(synthetic_conversations(before=before).values_list("pk", flat=True)[:BATCH_CONVERSATIONS]):
        done = _remove(batch, unchecked=unchecked)
        removed.update(done)
        if on_turns:
            on_turns(done["turns"])
    if not synthetic_conversations().exists():
        removed.update(_remove_ground())
    return {name: count for name, count in removed.items() if count}


@transaction.atomic
def _remove(conversation_ids: Sequence[UUID], *, unchecked: bool) -> Counter[str]:
    list(Conversation.objects.select_for_update().filter(pk__in=conversation_ids).values_list("pk"))
    turns_locked = Turn.objects.select_for_update().filter(conversation__in=conversation_ids)
    rows = list(turns_locked.values_list("pk", "conversation_id", "created_at"))
    conversation_of = {pk: conversation_id for pk, conversation_id, _ in rows}
    more = set(_with_more(list(conversation_of), conversation_ids))
    by_rules = {conversation_of.get(pk, pk) for pk in more}
    removed: Counter[str] = Counter()
    if by_rules:
        removed["turns"] += sum(conversation in by_rules for conversation in conversation_of.values())
        removed["conversations"] += len(by_rules)
        Conversation.objects.filter(pk__in=by_rules).delete()
    turns = [pk for pk, conversation in conversation_of.items() if conversation not in by_rules]
    conversations = [pk for pk in conversation_ids if pk not in by_rules]
    if unchecked:
        calls = LLMCall.objects.filter(turn__in=turns).values_list("created_at", flat=True)
        note_changes(turn_hours=_hours(at for _, _, at in rows), call_hours=_hours(calls))
        skip_checks()
    gone: dict[str, Any] = {"turns": turns, "conversations": conversations}
    with connection.cursor() as cursor:
        for statement in FORGET_SQL:
            cursor.execute(statement, gone)
        for name, statement in DELETE_SQL.items():
            cursor.execute(statement, gone)
            removed[name] += cursor.rowcount
    return removed


def _hours(times: Iterable[datetime]) -> set[datetime]:
    return {at.replace(minute=0, second=0, microsecond=0) for at in times}


def _with_more(turn_ids: Sequence[int], conversation_ids: Sequence[UUID]) -> Iterator[Any]:
    """Yield the turns and conversations that something else refers to than what traffic is written into. One query for
    each model that can."""
    for model, prefix, ids in ((Turn, "", turn_ids), (Score, "__turn", turn_ids), (Conversation, "", conversation_ids)):
        for relation in _relations(model):
            if relation.related_model not in _WRITTEN:
                path = f"{relation.field.name}{prefix}"
                rows = relation.related_model._default_manager.filter(**{f"{path}__in": ids})
                yield from rows.order_by().values_list(path, flat=True)


def _relations(model: type[models.Model]) -> Iterator[Any]:
    """Yield all foreign keys to a model, also those without a name back."""
    for field in model._meta.get_fields(include_hidden=True):
        if field.auto_created and not field.concrete and (field.one_to_many or field.one_to_one):
            yield field


def _remove_ground() -> Counter[str]:
    """Remove what only synthetic traffic stands on, but for what something else uses by now."""
    experiments = Experiment.objects.filter(origin=Origin.SYNTHETIC).delete()[1].get("monitoring.Experiment", 0)
    users = get_user_model()._default_manager.filter(MADE_UP)
    unused = users.filter(conversations=None, feedback=None, last_login=None)
    removed = Counter(experiments=experiments, users=unused.delete()[1].get(users.model._meta.label, 0))
    versions = JudgeVersion.objects.filter(version=JUDGE_VERSION, scores=None)
    removed["judge versions"] = versions.delete()[1].get("monitoring.JudgeVersion", 0)
    for config in PipelineConfig.objects.filter(name__in=CONFIG_NAMES, turns=None, is_default=False):
        with suppress(ProtectedError):
            config.delete()
            removed["configs"] += 1
    return removed
