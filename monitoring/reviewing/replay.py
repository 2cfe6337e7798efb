"""Replays: an item of a dataset is put to a config again, to see whether what was wrong is fixed. The new answer is a
turn of an evaluation, so it is in no figure of live traffic."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from chat.exceptions import BudgetUsedUpError, ConfigurationError
from chat.models import PipelineConfig
from chat.models.conversation import Origin
from chat.services.answering import tools_of
from chat.services.budgets import check_site_budget
from chat.services.ceiling import models_of
from chat.services.knowledge import local_embedder
from chat.services.turns import record_calls
from chat.services.unattended import Answered, answer, record_turn, request_of
from monitoring.evaluation.questions import Question, load_questions
from monitoring.evaluation.retrieval import ranking_of
from monitoring.judges.base import JudgedHit, JudgeTools
from monitoring.judges.registry import JUDGES
from monitoring.models import DatasetItem, JudgeRule, Replay
from monitoring.reviewing.outcomes import REASON_CHARS, Decided, NewAnswer, decide_outcome

TASK = "monitoring.tasks.replay"
# A replay takes a minute at most; its worker died, or there is none.
LOST_AFTER = timedelta(minutes=30)

Outcome = Replay.Outcome


def start_replay(*, item: DatasetItem, config: PipelineConfig, user: Any = None) -> Replay:
    """Have the worker put an item to a config; one that goes on already is returned in place of another."""
    with transaction.atomic():
        DatasetItem.objects.select_for_update().get(pk=item.pk)
        going = Replay.objects.filter(item=item, config=config, outcome=Outcome.RUNNING).first()
        if going is not None:
            return going
        replay = Replay.objects.create(item=item, config=config, created_by=user)
        transaction.on_commit(partial(async_task, TASK, replay.pk))
    return replay


def run_replay(replay_id: int) -> str:
    """Answer the item and say whether the answer is right; return the outcome. Does nothing to a finished one."""
    replay = Replay.objects.select_related("config__embedder", "item").filter(pk=replay_id).first()
    if replay is None:
        return "gone"
    if replay.outcome != Outcome.RUNNING:
        return replay.outcome
    question = load_questions([replay.item_id])[replay.item_id]
    try:
        check_site_budget([*models_of(replay.config.recipe()), judge_model()])
        tools = tools_of(replay.config)
    except (BudgetUsedUpError, ConfigurationError) as error:
        return _close(replay, Decided(Outcome.UNKNOWN, str(error)[:REASON_CHARS]))
    request = request_of(
        replay.config,
        question=question.question,
        collection_id=question.collection_id,
        history=question.history,
    )
    answered = asyncio.run(answer(request, tools))
    decided = _decided(question, answered, JudgeTools(tools.access, judge_model(), local_embedder()))
    return _close(replay, decided, answered)


def sweep_replays() -> int:
    """Give up replays that nobody finishes any more; return how many."""
    lost = Replay.objects.filter(outcome=Outcome.RUNNING, created_at__lt=timezone.now() - LOST_AFTER)
    return lost.update(outcome=Outcome.UNKNOWN, reason="The worker did not finish it.", finished_at=timezone.now())


def judge_model() -> str:
    """Return the model that judges: that of the first active rule that has one; empty: there is none."""
    named = [name for name, judge in JUDGES.items() if judge.family == "llm"]
    rules = JudgeRule.objects.filter(is_active=True, judge__in=named).exclude(model="").order_by("pk")
    return rules.values_list("model", flat=True).first() or ""


def _decided(question: Question, answered: Answered, tools: JudgeTools) -> Decided:
    if answered.failed:
        return Decided(Outcome.UNKNOWN, f"It was not answered: {answered.error_message}"[:REASON_CHARS])
    result = answered.result
    new = NewAnswer(
        text=result.answer,
        nothing_found=bool(result.nothing_found),
        ranking=ranking_of(result.hits, search_seconds=None),
        hits=tuple(JudgedHit(hit.rank, hit.document_title, hit.heading_path, hit.text) for hit in result.hits),
    )
    return decide_outcome(question, new, tools)


def _close(replay: Replay, decided: Decided, answered: Answered | None = None) -> str:
    """Store turn, calls and outcome in one transaction; a second process that did the same stores nothing."""
    with transaction.atomic():
        if not Replay.objects.select_for_update().filter(pk=replay.pk, outcome=Outcome.RUNNING).exists():
            return "finished by another"
        if answered is not None:
            title = f"Replay of item {replay.item_id}"
            replay.turn = record_turn(answered=answered, config=replay.config, origin=Origin.EVALUATION, title=title)
            record_calls(calls=decided.calls, turn_id=replay.turn.pk)
        replay.outcome, replay.reason, replay.finished_at = decided.outcome, decided.reason, timezone.now()
        replay.save(update_fields=["turn", "outcome", "reason", "finished_at"])
    return decided.outcome
