"""Working off an order to group questions: by one process at a time, and from where the last one was.

First the turns are chosen, then their questions are read piece by piece into vectors, then they are grouped at once.
"""

import logging
import time
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from chat.exceptions import ChatError
from chat.rag.embed import TextEmbedder
from chat.services.knowledge import local_embedder
from monitoring.models import Topic, TopicRun, TopicTurn
from monitoring.sole_process import Work, sole_process
from monitoring.topics.grouping import LEAST_SIZE, MOST_COMPARED, group_questions
from monitoring.topics.orders import drop_old_runs
from monitoring.topics.wording import telling_words

logger = logging.getLogger(__name__)

MOST_TURNS = 20_000
_BATCH = 64

# A sample is drawn by the hash of a turn's key, so that the same turns are drawn the next day.
COUNT_SQL = """
SELECT count(*)
  FROM chat_turn AS turn
  JOIN chat_conversation AS conversation ON conversation.id = turn.conversation_id
 WHERE turn.origin = %(origin)s AND turn.created_at >= %(before)s AND turn.created_at < %(until)s
   AND turn.question <> '' AND conversation.deleted_at IS NULL
"""
CHOOSE_SQL = """
INSERT INTO monitoring_topicturn (run_id, turn_id, is_before)
SELECT %(run)s, turn.id, turn.created_at < %(since)s
  FROM chat_turn AS turn
  JOIN chat_conversation AS conversation ON conversation.id = turn.conversation_id
 WHERE turn.origin = %(origin)s AND turn.created_at >= %(before)s AND turn.created_at < %(until)s
   AND turn.question <> '' AND conversation.deleted_at IS NULL
 ORDER BY hashint8(turn.id), turn.id
 LIMIT %(limit)s
"""

Status = TopicRun.Status


class StoppedError(Exception):
    """A person asked for a stop, or the time of this slice is over."""


def work_on(run_id: int, seconds: float) -> str | None:
    """Work on an order until it is done, cancelled or failed, or the time is over; return its status then.

    None: another process has it, or it is finished.
    """
    until = time.monotonic() + seconds
    with sole_process(Work.TOPICS, run_id) as is_ours:
        rows = TopicRun.objects.open().filter(pk=run_id)
        if not is_ours or not rows.update(status=Status.RUNNING, error="", heartbeat_at=timezone.now()):
            return None
        run = rows.get()
        status, error = Status.FAILED.value, "The program failed; the error is in its log."
        try:
            status, error = _outcome(run, until)
        except SystemExit:  # the process is told to end, and the worker goes on
            status, error = Status.QUEUED.value, ""
            raise
        finally:
            finished_at = None if status == Status.QUEUED else timezone.now()
            TopicRun.objects.filter(pk=run_id).update(status=status, error=error, finished_at=finished_at)
            if finished_at:
                run.members.filter(vector__isnull=False).update(vector=None)
    return status


def _outcome(run: TopicRun, until: float) -> tuple[str, str]:
    try:
        if run.found_turns is None:
            _choose(run)
        _read(run, local_embedder(), until)
        _group(run)
    except StoppedError:
        is_cancelled = TopicRun.objects.filter(pk=run.pk, cancel_requested_at__isnull=False).exists()
        return (Status.CANCELLED if is_cancelled else Status.QUEUED), ""
    except ChatError as error:
        return Status.FAILED, str(error)
    drop_old_runs(run.origin)
    return Status.DONE, ""


@transaction.atomic
def _choose(run: TopicRun) -> None:
    """Write down which turns the run looks at."""
    values: dict[str, Any] = {
        "run": run.pk,
        "origin": run.origin,
        "before": run.since - (run.until - run.since),
        "since": run.since,
        "until": run.until,
        "limit": MOST_TURNS,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SQL, values)
        (run.found_turns,) = cursor.fetchone()
        cursor.execute(CHOOSE_SQL, values)
        run.total_turns = cursor.rowcount
    run.save(update_fields=["found_turns", "total_turns"])


def _read(run: TopicRun, embedder: TextEmbedder, until: float) -> None:
    """Make the vectors that are missing; what was searched says more than a question that needs the one before it."""
    known: dict[str, np.ndarray] = {}
    due = run.members.filter(vector=None).exclude(turn__question="").select_related("turn").order_by("pk")
    due = due.only("run", "turn__question", "turn__search_query")
    while batch := list(due[:_BATCH]):
        texts = [member.turn.search_query or member.turn.question for member in batch]
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, embedder.embed_documents(new).vectors, strict=True))
        for member, text in zip(batch, texts, strict=True):
            member.vector = known[text]
        TopicTurn.objects.bulk_update(batch, ["vector"])
        alive = TopicRun.objects.filter(pk=run.pk, cancel_requested_at=None)
        if not alive.update(heartbeat_at=timezone.now(), done_turns=F("done_turns") + len(batch)):
            raise StoppedError
        if time.monotonic() >= until:
            raise StoppedError


def _group(run: TopicRun) -> None:
    """Group the questions and store the topics."""
    rows = run.members.filter(vector__isnull=False).exclude(turn__question="").order_by("pk")
    asked = list(rows.values_list("pk", "turn__conversation", "turn__question", "vector"))
    vectors = np.array([vector for *_, vector in asked], dtype=np.float32).reshape(len(asked), -1)
    grouping = group_questions(vectors, [question for _, _, question, _ in asked])
    places = list(zip(grouping.groups.tolist(), asked, strict=True))
    words = telling_words((group, conversation, text) for group, (_, conversation, text, _) in places if group >= 0)
    with transaction.atomic():
        run.topics.all().delete()  # of a process that died here
        topics = Topic.objects.bulk_create(
            [Topic(run=run, words=words.get(group, [])) for group in range(grouping.count)]
        )
        members = [
            TopicTurn(pk=pk, topic=topics[group], similarity=similarity)
            for (group, (pk, *_)), similarity in zip(places, grouping.similarities.tolist(), strict=True)
            if group >= 0
        ]
        TopicTurn.objects.bulk_update(members, ["topic", "similarity"], batch_size=1000)
        run.recipe = {
            "embedder": local_embedder().name,
            "method": "HDBSCAN",
            "compared": min(MOST_COMPARED, len(asked)),
            "least_size": LEAST_SIZE,
        }
        run.save(update_fields=["recipe"])
    with connection.cursor() as cursor:
        # The page of topics is read next: its plan for twenty rows takes a minute for twenty thousand.
        cursor.execute("ANALYZE monitoring_topic, monitoring_topicturn")
