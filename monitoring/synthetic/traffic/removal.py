"""Taking synthetic traffic away again, in batches, and what stood under it when nothing of it is left.

Only rows of origin SYNTHETIC are touched. What hangs on a turn goes by Django's own rules of deletion; the tables with
many rows to a turn go first.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import ProtectedError, QuerySet

from chat.models import Conversation, Feedback, Hit, ImplicitSignal, LLMCall, PipelineConfig, Turn
from chat.models.conversation import Origin
from monitoring.models import JudgeVersion, Score
from monitoring.synthetic.traffic.standing_rows import CONFIG_NAMES, JUDGE_VERSION, USER_PREFIX

BATCH_CONVERSATIONS = 1000


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
    while batch := list(synthetic_conversations(before=before).values_list("pk", flat=True)[:BATCH_CONVERSATIONS]):
        done = _remove(batch)
        removed.update(done)
        if on_turns:
            on_turns(done["turns"])
    if not synthetic_conversations().exists():
        removed.update(_remove_ground())
    return {name: count for name, count in removed.items() if count}


@transaction.atomic
def _remove(conversation_ids: Sequence[UUID]) -> Counter[str]:
    turns = list(Turn.objects.filter(conversation__in=conversation_ids).values_list("pk", flat=True))
    removed = Counter(conversations=len(conversation_ids), turns=len(turns))
    for name, rows in (
        ("scores", Score.objects.filter(turn__in=turns)),
        ("votes", Feedback.objects.filter(turn__in=turns)),
        ("signals", ImplicitSignal.objects.filter(turn__in=turns)),
        ("hits", Hit.objects.filter(turn__in=turns)),
        ("model calls", LLMCall.objects.filter(turn__in=turns)),
    ):
        removed[name] += rows.delete()[1].get(rows.model._meta.label, 0)
    Conversation.objects.filter(pk__in=conversation_ids).delete()
    return removed


def _remove_ground() -> Counter[str]:
    """Remove what only synthetic traffic stands on, but for what something else uses by now."""
    users = get_user_model()._default_manager.filter(username__startswith=USER_PREFIX, is_active=False)
    unused = users.filter(conversations=None, feedback=None, last_login=None)
    removed = Counter(users=unused.delete()[1].get(users.model._meta.label, 0))
    versions = JudgeVersion.objects.filter(version=JUDGE_VERSION, scores=None)
    removed["judge versions"] = versions.delete()[1].get("monitoring.JudgeVersion", 0)
    for config in PipelineConfig.objects.filter(name__in=CONFIG_NAMES, turns=None, is_default=False):
        with suppress(ProtectedError):
            config.delete()
            removed["configs"] += 1
    return removed
